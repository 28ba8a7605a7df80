/** Captions by a seeded grammar, with the words, lengths and repetitions of real ones. */
import { createRng } from '@pengi/core';

const SOURCES =
  'a dog|a small dog|two dogs|a man|an old man|a woman|children|a crowd of people|rain|heavy rain|the wind|a car|a truck engine|a train|an aeroplane|' +
  "birds|a bird|water|waves|a church bell|a clock|footsteps|the neighbour's motorbike|someone|a high-pitched tone|music|a guitar|an 8-bit synth";
const ACTIONS =
  'barks|is barking|talks|is talking|laughs loudly|shouts|falls on a roof|blows|passes by|idles|drives away|chirps|sings|flows|splashes|' +
  "rings|ticks|hums|plays|can be heard|doesn't stop|starts and stops|gets louder, then fades|crackles";
const ENDS =
  '|.|| in the background|, while|, and then|; then|...| "in a hall"| (far away)| at 10.5 seconds| for a while|!';
const LINKS = ' while | and | as | followed by | before |, then |. ';

/** A candidate and `each` references of each of `clips` clips. */
export function madeCaptions(clips: number, each: number): { candidates: string[]; references: string[][] } {
  const rng = createRng(1).fork('captions');
  const pick = (words: string): string => {
    const all = words.split('|');
    return all[rng.int(all.length)]!;
  };
  const caption = (topic: string): string => {
    const parts = Array.from(
      { length: 1 + rng.int(3) },
      (_, i) => `${i === 0 ? topic : pick(SOURCES)} ${pick(ACTIONS)}`,
    );
    const text = parts.reduce((all, part) => all + pick(LINKS) + part) + pick(ENDS);
    return text.charAt(0).toUpperCase() + text.slice(1);
  };

  const topics = Array.from({ length: clips }, () => pick(SOURCES));
  const candidates = topics.map(caption);
  return {
    candidates,
    references: topics.map((topic) => Array.from({ length: each }, () => caption(topic))),
  };
}
