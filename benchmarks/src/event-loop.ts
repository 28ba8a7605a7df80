/**
 * `pnpm bench:event-loop`: how long the event loop is held up while a model of full size captions, in the caller's thread and in one
 * of its own (`loadPengiWorker`). Fails where the latter's 99th percentile is above 20 ms.
 */
import { dirname, join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { loadPengi, loadPengiWorker, type Pengi } from 'pengi';
import { pattern } from './peers/context.js';
import { randomModelFolder } from './random-model.js';

const ALLOWED_MS = 20;
/** Milliseconds between two looks at the clock; they are no delay. */
const RESOLUTION = 2;
const CAPTIONS = 5;

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const model = await randomModelFolder(join(root, '.cache/bench-smoke/model'));
const input = { samples: pattern(308700, 0.5), sampleRate: 44100 };

async function measure(what: string, pengi: Pick<Pengi, 'caption' | 'dispose'>): Promise<number> {
  await pengi.caption(input, { maxTokens: 30 }); // compiles
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION });
  const start = performance.now();
  delays.enable();
  for (let i = 0; i < CAPTIONS; i++) await pengi.caption(input, { maxTokens: 30 });
  delays.disable();
  const each = (performance.now() - start) / CAPTIONS;
  await pengi.dispose();
  const ms = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - RESOLUTION);
  const [p50, p99, most] = [delays.percentile(50), delays.percentile(99), delays.max].map(ms);
  console.log(
    `${what}: ${each.toFixed(0)} ms a caption; the event loop waits ${p50!.toFixed(1)} ms (median), ${p99!.toFixed(1)} ms (99 %), ${most!.toFixed(1)} ms (most)`,
  );
  return p99!;
}

await measure('in the same thread', await loadPengi(model));
const p99 = await measure('in a thread of its own', await loadPengiWorker(model));
if (p99 > ALLOWED_MS) {
  console.error(`99 % are within ${p99.toFixed(1)} ms, ${ALLOWED_MS} ms are allowed`);
  process.exitCode = 1;
}
