import { createHash } from 'node:crypto';
import type { ExampleUnit } from '../training/source.js';
import { factsOf, type NoteOptions } from './sample.js';
import type { ShardIndex } from './shard-index.js';

/** What is held in memory of shards: of each sample some 60 bytes, so that millions are no burden. */
export function createTable(unit: ExampleUnit) {
  const hash = createHash('sha256');
  const ranges: { from: number; to: number }[] = [];
  const known: { bytes: number; sha256?: string }[] = [];
  const parts: {
    starts: Float64Array;
    bytes: Uint32Array;
    keys: string[];
    firstOf: Uint32Array;
    clips: number;
  }[] = [];
  let length = 0;
  let clips = 0;
  return {
    ranges,
    known,
    get length() {
      return length;
    },
    fingerprint: () => hash.digest('hex'),
    /** Returns the samples without a text, which are left out. */
    add({ bytes, sha256: digest, samples }: ShardIndex, options: NoteOptions) {
      const told = samples.map((sample) => ({ sample, facts: factsOf(sample.key, sample.notes, options) }));
      const used = told.filter(({ facts }) => facts.texts.length > 0);
      const firstOf = new Uint32Array(used.length + 1);
      used.forEach(({ facts: { id, set, texts }, sample }, i) => {
        firstOf[i + 1] = (firstOf[i] as number) + (unit === 'clip' ? 1 : texts.length);
        hash.update(
          JSON.stringify([set, id, sample.bytes, texts.map(({ prompt, target }) => [prompt, target])]),
        );
      });
      const count = firstOf[used.length] as number;
      ranges.push({ from: length, to: length + count });
      parts.push({
        starts: Float64Array.from(used, ({ sample }) => sample.start),
        bytes: Uint32Array.from(used, ({ sample }) => sample.bytes),
        keys: used.map(({ sample }) => sample.key),
        firstOf,
        clips,
      });
      known.push({ bytes, ...(digest && { sha256: digest }) });
      length += count;
      clips += used.length;
      return told.filter(({ facts }) => facts.texts.length === 0).map(({ sample }) => sample);
    },
    /** Where an example is: its shard, the sample in it, and which of its texts. */
    find(index: number): { shard: number; sample: number; text: number | undefined; clip: number } {
      const shard = lastAtMost(index, ranges.length, (i) => ranges[i]!.from);
      const { firstOf, clips: earlier } = parts[shard]!;
      const inShard = index - ranges[shard]!.from;
      const sample = lastAtMost(inShard, firstOf.length - 1, (i) => firstOf[i] as number);
      const text = unit === 'clip' ? undefined : inShard - (firstOf[sample] as number);
      return { shard, sample, text, clip: earlier + sample };
    },
    place(shard: number, sample: number): { start: number; bytes: number; key: string } {
      const { starts, bytes, keys } = parts[shard]!;
      return { start: starts[sample]!, bytes: bytes[sample]!, key: keys[sample]! };
    },
  };
}

/** The last of `count` ascending values that is at most `value`. */
function lastAtMost(value: number, count: number, at: (i: number) => number): number {
  let [low, high] = [0, count - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (at(middle) <= value) low = middle;
    else high = middle - 1;
  }
  return low;
}
