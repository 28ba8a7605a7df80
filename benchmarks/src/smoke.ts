/**
 * `pnpm bench:smoke`: one 7 s clip through a full-size model with random weights. How long until the first token of a
 * cold start, how long a warm caption takes beside recomputing the whole sequence at every step (the reference's way, on
 * the same engine in the same run), and how much memory it all needs. `--threads n` pins the engine's threads.
 */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openModelFolder } from '@pengi/checkpoint';
import { floats } from '@pengi/core';
import { type Gpt2Params, gpt2Hidden, gpt2Logits } from '@pengi/gpt2';
import { createEngine } from '@pengi/jit';
import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { loadPengi, PENGI_BASE, pengiParams } from 'pengi';
import { randomModelFolder } from './random-model.js';

const BEAMS = 5;
const TOKENS = 30;
const RUNS = 5;

const { values } = parseArgs({
  options: { threads: { type: 'string', default: String(availableParallelism()) } },
});
const threads = Number(values.threads);
const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const folder = await randomModelFolder(join(root, '.cache/bench-smoke/model'));
const engine = await createEngine('jit', { threads });
console.log(`${engine.description}; Node ${process.version}; ${BEAMS} beams, ${TOKENS} tokens, one 7 s clip`);

const clip = {
  samples: Float32Array.from({ length: 7 * 44100 }, (_, i) => 0.1 * Math.sin(i / 20)),
  sampleRate: 44100,
};
const options = { beams: BEAMS, maxTokens: TOKENS };

const start = performance.now();
const pengi = await loadPengi(folder, { engine });
await pengi.generate([clip], { ...options, maxTokens: 1 });
const firstToken = performance.now() - start;
await pengi.generate([clip], options); // compiles the step
const coldCaption = performance.now() - start;
const caption = await best(RUNS, () => pengi.generate([clip], options));
const peak = peakRssMiB();

// The reference's way: no cache, all beams through the whole sequence at each step. Measured at some lengths; the cost
// between them is near linear in the length, so the sum over all steps is that of the trapezoids.
const params = pengiParams((await openModelFolder(folder)).file, PENGI_BASE).caption_decoder.gpt.transformer;
const recompute = engine.compile((p: Gpt2Params, x: Tensor) => {
  const { hidden } = gpt2Hidden(p, x, PENGI_BASE.gpt2);
  const [B, T, C] = hidden.shape as [number, number, number];
  const last = tf.reshape(tf.slice(hidden, [0, T - 1, 0], [B, 1, C]), [B, C]);
  return tf.topk(tf.logSoftmax(gpt2Logits(p, last)), BEAMS);
}, params);
const lengths = [80, 90, 100, 80 + TOKENS - 1];
const costs: number[] = [];
for (const length of lengths) {
  const x = floats(new Float32Array(BEAMS * length * 768).fill(0.01), [BEAMS, length, 768]);
  await recompute.run(x);
  costs.push(await best(3, () => recompute.run(x)));
}
const decodeWithout = lengths
  .slice(1)
  .reduce(
    (sum, length, i) => sum + ((costs[i]! + costs[i + 1]!) / 2) * (length - lengths[i]!),
    costs.at(-1)!,
  );
const encode = await best(RUNS, () => pengi.embedAudio([clip]));
const without = decodeWithout + encode;

const rows = [
  ['load of the model folder to the first token', firstToken],
  ['load to the first whole caption', coldCaption],
  ['audio encoder, warm', encode],
  ['caption, warm (best of 5)', caption],
  ['caption by recomputing every step, warm', without],
] as const;
for (const [what, ms] of rows) console.log(`${what.padEnd(46)} ${ms.toFixed(0).padStart(7)} ms`);
console.log(`${'peak memory of the process'.padEnd(46)} ${peak.toFixed(0).padStart(7)} MiB`);
console.log(
  `${'a warm caption is faster than recomputing by'.padEnd(46)} ${(without / caption).toFixed(1).padStart(7)} x`,
);

/** The shortest of several runs, in ms. */
async function best(runs: number, run: () => Promise<unknown>): Promise<number> {
  let shortest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < runs; i++) {
    const begun = performance.now();
    await run();
    shortest = Math.min(shortest, performance.now() - begun);
  }
  return shortest;
}

function peakRssMiB(): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))![1]) / 1024;
  } catch {
    return process.resourceUsage().maxRSS / 1024;
  }
}
