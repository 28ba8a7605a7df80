/**
 * The table of docs/scaling.md: how efficient the paper's two stages would be on N devices. `predict.ts cpu 4` takes
 * the kind of device and the clips that it computes in a second alone; everything else is counted from the models or named below.
 */
import { CLAP_PAPER, clapSpec } from '@pengi/clap';
import { leaves, pathMatcher, sizeOf, type Tree } from '@pengi/core';
import { bufferPaths } from '@pengi/nn';
import { frozenInTraining, PENGI_PAPER, pengiSpec } from 'pengi';

/** What a machine and its network do. Bytes per second, seconds. */
interface Network {
  name: string;
  /** Of one process, in each direction. */
  bandwidth: number;
  /** Of one message. */
  latency: number;
}

const NETWORKS: readonly Network[] = [
  { name: '25 Gbit/s Ethernet', bandwidth: 2.5e9, latency: 30e-6 },
  { name: '100 Gbit/s InfiniBand', bandwidth: 11e9, latency: 3e-6 },
];
/** One copy of the gradients into the buffer that is sent, measured: 100 MB in 15 ms. */
const HOST_BANDWIDTH = 6.5e9;
/**
 * Between a GPU and its host, assumed; and how often as much as the gradients crosses it in a step: parameters and both
 * moments down, parameters up (the engine's `state()`), gradients down, their sums up.
 */
const DEVICE_LINK = 10e9;
const CROSSINGS = { cpu: 0, gpu: 6 };
/** Standard deviation of a step's time between processes, as a share of it: the slowest of N is waited for. */
const SPREAD = 0.02;
const SIZES = [8, 20, 40, 80, 160];

interface Stage {
  name: string;
  batch: number;
  trained: number;
  /** Bytes of the rows that are gathered, all processes together. */
  gathered: number;
  /**
   * What is computed in parallel, in units of what one process alone computes. CLAP stops in its step for the others' embeddings:
   * what is kept meanwhile is copied (kept.ts: 0.9 to 1.15 times a step alone; the largest is taken). On a device that runs op by op
   * the towers run forward twice.
   */
  work: Readonly<Record<keyof typeof CROSSINGS, number>>;
}

const STAGES: readonly Stage[] = [
  {
    name: 'CLAP',
    batch: 1536,
    trained: trainedValues(clapSpec(CLAP_PAPER), bufferPaths(clapSpec(CLAP_PAPER))),
    gathered: 1536 * (2 * 4 * CLAP_PAPER.embedding + 8),
    work: { cpu: 1.15, gpu: 4 / 3 },
  },
  {
    name: 'Pengi',
    batch: 384,
    trained: trainedValues(pengiSpec(PENGI_PAPER), [
      ...frozenInTraining(PENGI_PAPER),
      ...bufferPaths(pengiSpec(PENGI_PAPER)),
    ]),
    gathered: 0,
    work: { cpu: 1, gpu: 1 },
  },
];

interface Device {
  kind: keyof typeof CROSSINGS;
  clipsPerSecond: number;
}

/** Seconds of a step on N devices, and what it spends them on. */
export function predict({ batch, trained, gathered, work }: Stage, n: number, device: Device, net: Network) {
  const { clipsPerSecond, kind } = device;
  const compute = (work[kind] * batch) / n / clipsPerSecond;
  const bytes = 4 * trained;
  const ring = (2 * (n - 1) * bytes) / n / net.bandwidth + 2 * (n - 1) * net.latency;
  const gather = gathered > 0 ? ((n - 1) * gathered) / n / net.bandwidth + (n - 1) * net.latency : 0;
  const host = (CROSSINGS[kind] * bytes) / DEVICE_LINK + bytes / HOST_BANDWIDTH;
  // The expected largest of n normal values is about √(2 ln n) deviations above the mean.
  const waiting = compute * SPREAD * Math.sqrt(2 * Math.log(n));
  const seconds = compute + ring + gather + host + waiting;
  const alone = batch / clipsPerSecond;
  return { seconds, compute, ring, gather, host, waiting, efficiency: alone / (n * seconds) };
}

function trainedValues(spec: object, frozen: readonly string[]): number {
  const isFrozen = pathMatcher([...frozen, '**.tscam_conv', '**.head']);
  const shapes = leaves<{ shape: readonly number[] }>(spec as Tree<{ shape: readonly number[] }>);
  return shapes.reduce((sum, [path, { shape }]) => sum + (isFrozen(path) ? 0 : sizeOf(shape)), 0);
}

const [kind = 'cpu', rate = '4'] = process.argv.slice(2);
const device: Device = { kind: kind === 'gpu' ? 'gpu' : 'cpu', clipsPerSecond: Number(rate) };
for (const stage of STAGES) {
  const megabytes = (4 * stage.trained) / 1e6;
  console.log(
    `\n${stage.name}: ${(stage.trained / 1e6).toFixed(1)} M trained values, ${megabytes.toFixed(0)} MB of gradients a step, ${(stage.gathered / 1e6).toFixed(1)} MB gathered; ${rate} clips/s a ${device.kind}`,
  );
  for (const net of NETWORKS)
    for (const n of SIZES) {
      if (stage.batch / n < 1) continue;
      const p = predict(stage, n, device, net);
      const ms = (seconds: number) => (1000 * seconds).toFixed(0);
      console.log(
        `| ${net.name} | ${n} | ${(stage.batch / n).toFixed(1)} | ${ms(p.compute)} | ${ms(p.ring)} | ${ms(p.gather)} | ${ms(p.host)} | ${ms(p.waiting)} | ${(100 * p.efficiency).toFixed(0)} % |`,
      );
    }
}
