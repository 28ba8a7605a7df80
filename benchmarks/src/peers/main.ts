/**
 * `pnpm bench:peers`: the work of `works.ts` by the peers in Python and by ours, in one run: same weights, same shapes, same
 * threads, one after the other in turn. Prints a table and writes bench/peers/result.json. `--only id,id` does some of it,
 * `--rounds n` and `--threads n` change the defaults of 5 and 2.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { floats } from '@pengi/core';
import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { randomModelFolder } from '../random-model.js';
import { type Context, createContext } from './context.js';
import { findPython, type Peers, startPeers } from './python.js';
import { difference, PROMPT, promptIdsOf, STOP, TOKENS, WORKS, type Work, writeClip } from './works.js';

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    threads: { type: 'string', default: '2' },
  },
});
const rounds = Number(values.rounds);
const threads = Number(values.threads);
const wanted = values.only?.split(',');
const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '../../..');
const cache = join(root, '.cache/bench-peers');
const script = join(here, '../../peers/peers.py');

interface Row {
  id: string;
  work: string;
  peer: string;
  ours: number;
  peerValue: number;
  unit: 'ms' | 'MiB';
  ratio: number;
  goal: number;
  /** What the machine's memory and arithmetic allow at best, in the row's unit. */
  roofline?: number;
  /** The medians; `ours` and `peerValue` are the best. */
  median?: { ours: number; peer: number };
}

const python = await findPython(join(cache, 'python'));
const model = await randomModelFolder(join(root, '.cache/bench-smoke/model'));
const context = await createContext(model, cache, threads);
const peers = startPeers(python, script, model, threads);
const versions = { ...(await peers.versions()), node: process.version, engine: context.engine.description };
console.log(
  Object.entries(versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(', '),
);
console.log(
  `${cpus()[0]?.model}, ${cpus().length} cores, load ${loadavg()[0]!.toFixed(1)}, ${threads} threads, ${rounds} rounds`,
);
const machine = await measureMachine(context);
console.log(
  `memory ${(machine.bytes / 1e6).toFixed(1)} GB/s, arithmetic ${(machine.flops / 1e6).toFixed(0)} GFLOP/s`,
);

const rows: Row[] = [];
for (const work of WORKS) {
  if (wanted && !wanted.includes(work.id)) continue;
  rows.push(await measure(work, context, peers));
  print(rows.at(-1)!);
}
peers.close();
if (!wanted || wanted.includes('cold_start') || wanted.includes('rss')) {
  rows.push(...measureProcesses());
  for (const row of rows.slice(-2)) print(row);
}
const target = join(root, 'bench/peers/result.json');
mkdirSync(dirname(target), { recursive: true });
writeFileSync(
  target,
  `${JSON.stringify({ threads, rounds, machine: cpus()[0]?.model, load: loadavg()[0], versions, rows }, null, 2)}\n`,
);
console.log(`\n${table(rows)}\n\n${target}`);

async function measure(
  { id, work, peer, goal, tolerance, least, setup }: Work,
  ctx: Context,
  other: Peers,
): Promise<Row> {
  const ours = await setup(ctx);
  const name = `${peer.work}:${id}`;
  const args = ours.peerArguments ?? peer.arguments ?? {};
  const pinned = peer.threads ?? threads;
  const summary = await other.setup(name, { arguments: args, threads: pinned });
  const output = await ours.run(); // compiles
  if (output && tolerance !== null) {
    const apart =
      tolerance === undefined ? Number(difference(output, summary) > 0) : difference(output, summary);
    if (apart > (tolerance ?? 0))
      throw new Error(`${id}: outputs are ${apart} apart, ${tolerance ?? 'equal ids'} is allowed`);
  }
  await ours.run();
  const times: { ours: number[]; peer: number[] } = { ours: [], peer: [] };
  for (let round = 0; round < rounds; round++) {
    times.peer.push(await other.run(name, pinned));
    const start = performance.now();
    await ours.run();
    times.ours.push(performance.now() - start);
  }
  await ours.dispose?.();
  await other.drop(name);
  const [best, bestPeer] = [Math.min(...times.ours), Math.min(...times.peer)];
  return {
    id,
    work,
    peer: peer.name,
    ours: best,
    peerValue: bestPeer,
    unit: 'ms',
    ratio: bestPeer / best,
    goal,
    ...(least && { roofline: Math.max(least.bytes / machine.bytes, least.flops / machine.flops) }),
    median: { ours: median(times.ours), peer: median(times.peer) },
  };
}

/** A whole process each, from its start to the first caption, in turn. */
function measureProcesses(): Row[] {
  const wav = writeClip(cache);
  const cold = JSON.stringify({
    folder: model,
    threads,
    wav,
    ids: promptIdsOf(PROMPT),
    tokens: TOKENS,
    stop: STOP,
  });
  const commands = {
    peer: [python, [script, 'cold', cold]],
    ours: [process.execPath, ['--import', 'tsx', join(here, 'cold.ts'), model, wav, String(threads)]],
  } as const;
  const found = {
    peer: { ms: [] as number[], mib: [] as number[] },
    ours: { ms: [] as number[], mib: [] as number[] },
  };
  for (let round = 0; round < Math.min(rounds, 3); round++)
    for (const side of ['peer', 'ours'] as const) {
      const [program, args] = commands[side];
      const start = performance.now();
      const output = execFileSync(program, args, {
        encoding: 'utf8',
        env: { ...process.env, PYTHONWARNINGS: 'ignore' },
      });
      found[side].ms.push(performance.now() - start);
      found[side].mib.push((JSON.parse(output.trim().split('\n').at(-1)!) as { peakMiB: number }).peakMiB);
    }
  const row = (id: string, work: string, unit: 'ms' | 'MiB', key: 'ms' | 'mib', goal: number): Row => {
    const [ours, peerValue] = [Math.min(...found.ours[key]), Math.min(...found.peer[key])];
    return {
      id,
      work,
      peer: "msclap's modules, Pengi's algorithm",
      ours,
      peerValue,
      unit,
      ratio: peerValue / ours,
      goal,
    };
  };
  return [
    row('cold_start', 'process start to first caption', 'ms', 'ms', 2),
    row('rss', 'peak memory of that process', 'MiB', 'mib', 1 / 0.6),
  ];
}

/** Bytes and operations per millisecond that this machine reaches, on one large matrix each. */
async function measureMachine({ engine }: Context): Promise<{ bytes: number; flops: number }> {
  const best = async (work: () => Promise<unknown>) => {
    let ms = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 6; i++) {
      const start = performance.now();
      await work();
      ms = Math.min(ms, performance.now() - start);
    }
    return ms;
  };
  const square = floats(new Float32Array(1024 * 1024).fill(0.5), [1024, 1024]);
  const product = engine.compile((w: { w: Tensor }, x: Tensor) => tf.matMul(x as never, w.w as never), {
    w: square,
  });
  const flops = (2 * 1024 ** 3) / (await best(() => product.run(square)));
  await product.dispose();
  const N = 64e6; // 256 MB, beyond any cache
  const wide = floats(new Float32Array(N).fill(0.5), [1000, N / 1000]);
  const row = floats(new Float32Array(1000), [1, 1000]);
  const read = engine.compile((w: { w: Tensor }, x: Tensor) => tf.matMul(x as never, w.w as never), {
    w: wide,
  });
  const bytes = (4 * N) / (await best(() => read.run(row)));
  await read.dispose();
  return { bytes, flops };
}

function print({ id, ours, peerValue, unit, ratio, goal }: Row): void {
  const verdict = ratio >= goal ? 'reached' : 'MISSED';
  console.log(
    `${id.padEnd(14)} ours ${ours.toFixed(1)} ${unit}, peer ${peerValue.toFixed(1)}: ${ratio.toFixed(2)}x, goal ${goal.toFixed(2)}x ${verdict}`,
  );
}

function table(all: readonly Row[]): string {
  const cells = all.map(({ id, work, peer, ours, peerValue, unit, ratio, goal, roofline }) =>
    [
      id,
      work,
      peer,
      `${ours.toFixed(1)} ${unit}`,
      `${peerValue.toFixed(1)} ${unit}`,
      `${ratio.toFixed(2)}x`,
      `${goal.toFixed(2)}x`,
      roofline === undefined ? '' : `${roofline.toFixed(0)} ${unit}`,
    ].join(' | '),
  );
  return [
    '| id | work | peer | ours | peer | ratio | goal | roofline |',
    '|---|---|---|---|---|---|---|---|',
    ...cells.map((row) => `| ${row} |`),
  ].join('\n');
}

function median(list: readonly number[]): number {
  const sorted = [...list].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}
