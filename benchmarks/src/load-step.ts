/** One step of load.ts in a process of its own: `convert FILE FOLDER` or `embed FOLDER`. Prints what it took as JSON. */
import { readFileSync } from 'node:fs';
import { loadPengi } from 'pengi';
import { convertCheckpoint } from 'pengi/convert';

export interface StepResult {
  /** From the call to its result, the modules being there. */
  readonly ms: number;
  /** Bytes. */
  readonly peakRss: number;
}

const CLIP = {
  samples: Float32Array.from({ length: 7 * 44100 }, (_, i) => 0.1 * Math.sin(i / 20)),
  sampleRate: 44100,
};

const [what, from = '', to = ''] = process.argv.slice(2);
const begun = performance.now();
if (what === 'convert') await convertCheckpoint(from, to);
else if (what === 'embed') await (await loadPengi(from)).embedAudio([CLIP]);
else throw new Error(`there is no step "${what}"`);
const ms = performance.now() - begun;
process.stdout.write(JSON.stringify({ ms, peakRss: peakRss() } satisfies StepResult));
process.exit(0);

function peakRss(): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024;
  } catch {
    return process.resourceUsage().maxRSS * 1024;
  }
}
