/** One piece of work after the other, by the peer and by ours in turn. */
import { execFileSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { NdArray } from '@pengi/core';
import type { Context } from './context.js';
import type { Machine } from './machine.js';
import type { Peers } from './python.js';
import type { Row } from './table.js';
import { difference, type Least, PROMPT, promptIdsOf, STOP, TOKENS, type Work, writeClip } from './works.js';

interface Setting {
  context: Context;
  peers: Peers;
  machine: Machine;
  rounds: number;
  threads: number;
}

/** @param works that have the same peer */
export async function measure(
  works: readonly Work[],
  { context, peers, machine, rounds, threads }: Setting,
): Promise<Row[]> {
  const [{ id, peer }] = works as [Work, ...Work[]];
  const ours = [];
  for (const work of works) ours.push(await work.setup(context));
  const name = `${peer.work}:${id}`;
  const pinned = peer.threads ?? threads;
  const args = ours[0]!.peerArguments ?? peer.arguments ?? {};
  const summary = await peers.setup(name, { arguments: args, threads: pinned });
  const outputs: (NdArray | undefined)[] = [];
  for (const [i, work] of works.entries()) {
    const output = await ours[i]!.run(); // compiles
    outputs.push(output);
    if (!output || work.tolerance === null) continue;
    const apart = difference(output, summary);
    if (work.tolerance === undefined ? apart > 0 : apart > work.tolerance)
      throw new Error(`${work.id}: outputs are ${apart} apart, ${work.tolerance ?? 'equal ids'} is allowed`);
    if (work.cosine && cosine(output, outputs[0]!) < work.cosine)
      throw new Error(`${work.id}: the cosine is ${cosine(output, outputs[0]!)}, below ${work.cosine}`);
    await ours[i]!.run();
  }
  const times: { ours: number[][]; peer: number[] } = { ours: works.map(() => []), peer: [] };
  for (let round = 0; round < rounds; round++) {
    times.peer.push(await peers.run(name, pinned));
    for (const [i, { run }] of ours.entries()) {
      const start = performance.now();
      await run();
      times.ours[i]!.push(performance.now() - start);
    }
  }
  for (const { dispose } of ours) await dispose?.();
  await peers.drop(name);
  return works.map((work, i) => ({
    ...rowOf(work, 'ms', times.ours[i]!, times.peer),
    roofline: roofline(work.least, machine),
    ...(work.cosine && i > 0 && { cosine: cosine(outputs[i]!, outputs[0]!) }),
  }));
}

function rowOf(
  { id, work, peer, goal }: Pick<Work, 'id' | 'work' | 'goal'> & { peer: { name: string } },
  unit: Row['unit'],
  ours: readonly number[],
  peers: readonly number[],
): Row {
  const [best, bestPeer] = [Math.min(...ours), Math.min(...peers)];
  return {
    ...{ id, work, peer: peer.name, ours: best, peerValue: bestPeer, unit },
    ...{ ratio: bestPeer / best, goal, median: { ours: median(ours), peer: median(peers) } },
  };
}

function roofline({ bytes = 0, flops, int8 }: Least, machine: Machine): number {
  return Math.max(bytes / machine.bytes, flops / (int8 ? machine.int8 : machine.flops));
}

interface Processes {
  python: string;
  script: string;
  model: string;
  cache: string;
  threads: number;
  rounds: number;
}

/** A whole process each, from its start to the first caption, in turn. */
export function measureProcesses({ python, script, model, cache, threads, rounds }: Processes): Row[] {
  const wav = writeClip(cache);
  const ids = promptIdsOf(PROMPT);
  const cold = JSON.stringify({ folder: model, threads, wav, ids, tokens: TOKENS, stop: STOP });
  const own = join(dirname(fileURLToPath(import.meta.url)), 'cold.ts');
  const commands = {
    peer: [python, [script, 'cold', cold]],
    ours: [process.execPath, ['--import', 'tsx', own, model, wav, String(threads)]],
  } as const;
  const found = {
    peer: { ms: [] as number[], mib: [] as number[] },
    ours: { ms: [] as number[], mib: [] as number[] },
  };
  // Half a minute each for the peer, so no more than three times.
  for (let round = 0; round < Math.min(rounds, 3); round++)
    for (const side of ['peer', 'ours'] as const) {
      const [program, args] = commands[side];
      const start = performance.now();
      const env = { ...process.env, PYTHONWARNINGS: 'ignore' };
      const output = execFileSync(program, args, { encoding: 'utf8', env });
      found[side].ms.push(performance.now() - start);
      found[side].mib.push((JSON.parse(output.trim().split('\n').at(-1)!) as { peakMiB: number }).peakMiB);
    }
  const peer = { name: "msclap's modules, Pengi's algorithm" };
  const cases = [
    ['ms', 'ms', { id: 'cold_start', work: 'process start to first caption', goal: 2 }],
    ['mib', 'MiB', { id: 'rss', work: 'peak memory of that process', goal: 1 / 0.6 }],
  ] as const;
  return cases.map(([key, unit, work]) => rowOf({ ...work, peer }, unit, found.ours[key], found.peer[key]));
}

function cosine({ data: a }: NdArray, { data: b }: NdArray): number {
  let [ab, aa, bb] = [0, 0, 0];
  for (const [i, x] of a.entries()) {
    ab += x * b[i]!;
    aa += x * x;
    bb += b[i]! ** 2;
  }
  return ab / Math.sqrt(aa * bb);
}

function median(list: readonly number[]): number {
  const sorted = [...list].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}
