import type { Tokens } from './tokens.js';

/** The longest n-grams that are counted. */
export const ORDERS = 4;

/** The n-grams of one length in a caption: each once, with how often it occurs. */
export interface Grams {
  readonly ids: readonly number[];
  readonly times: readonly number[];
}

export interface Ngrams {
  /** Words of the caption. */
  readonly length: number;
  /** `orders[n - 1]`: those of n words. */
  readonly orders: readonly Grams[];
}

/**
 * Gives equal n-grams equal numbers, over all captions it is asked about. Numbers of each length count from 0 on, so that tables by
 * number can be arrays: maps would take most of the time that scores take.
 */
export function ngramCounter(): (tokens: Tokens) => Ngrams {
  const words = new Map<string, number>();
  const longer = Array.from({ length: ORDERS - 1 }, pairNumbers);
  return (tokens) => {
    const wordIds = tokens.map((token) => {
      let id = words.get(token);
      if (id === undefined) {
        id = words.size;
        words.set(token, id);
      }
      return id;
    });
    const orders = [tally(wordIds)];
    let grams = wordIds;
    for (const [n, numberOf] of longer.entries()) {
      // An n-gram is the one before it, which lacks the last word, and that word.
      const shorter = grams;
      grams = wordIds.slice(n + 1).map((word, i) => numberOf(shorter[i]!, word));
      orders.push(tally(grams));
    }
    return { length: tokens.length, orders };
  };
}

/** A table by number, large enough for all n-grams of one length. */
export function tableFor(captions: Iterable<Ngrams>, n: number): Float64Array {
  let largest = -1;
  for (const { orders } of captions) for (const id of orders[n]!.ids) if (id > largest) largest = id;
  return new Float64Array(largest + 1);
}

function tally(grams: readonly number[]): Grams {
  const ids: number[] = [];
  const times: number[] = [];
  for (const gram of grams) {
    const seen = ids.indexOf(gram); // captions are short
    if (seen < 0) {
      ids.push(gram);
      times.push(1);
    } else times[seen]!++;
  }
  return { ids, times };
}

/** Numbers pairs of numbers in the order of their coming: a hash table with linear probing. */
function pairNumbers(): (a: number, b: number) => number {
  let size = 0;
  let mask = 0xfff;
  let slots = new Int32Array(mask + 1).fill(-1);
  let [firsts, seconds] = [new Int32Array(slots.length), new Int32Array(slots.length)];
  const slotOf = (a: number, b: number): number => {
    let slot = (Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca77)) >>> 0;
    slot = (slot ^ (slot >>> 15)) & mask;
    for (;;) {
      const id = slots[slot]!;
      if (id < 0 || (firsts[id] === a && seconds[id] === b)) return slot;
      slot = (slot + 1) & mask;
    }
  };
  const grow = () => {
    const [oldFirsts, oldSeconds] = [firsts, seconds];
    mask = 2 * mask + 1;
    slots = new Int32Array(mask + 1).fill(-1);
    [firsts, seconds] = [new Int32Array(slots.length), new Int32Array(slots.length)];
    firsts.set(oldFirsts);
    seconds.set(oldSeconds);
    for (let id = 0; id < size; id++) slots[slotOf(firsts[id]!, seconds[id]!)] = id;
  };
  return (a, b) => {
    if (2 * size > mask) grow();
    const slot = slotOf(a, b);
    if (slots[slot]! < 0) {
      firsts[size] = a;
      seconds[size] = b;
      slots[slot] = size++;
    }
    return slots[slot]!;
  };
}
