import { createRng, floats, foldKey, ints, type NdArray, PengiError, scalar } from '@pengi/core';
import type { Engine } from '@pengi/jit';
import { adamInit } from '@pengi/nn';
import type { GridPoint } from './grid.js';
import { type Head, type HeadSizes, initHead, type PredictionType, stackTrees, unstackTree } from './head.js';
import { type AdamMoments, compileHeads, type HeadProgram, type HeadState } from './programs.js';

/** Embeddings and what they should give: `x` [count, D], `y` [count, K] of 0 and 1. */
export interface Rows {
  readonly count: number;
  readonly x: Float32Array;
  readonly y: Float32Array;
}

/** What a probe is worth on its validation rows, with what else has to be remembered of the moment. */
export interface Judged {
  readonly score: number;
}

/** One probe to be trained. */
export interface ProbeTask<J extends Judged> {
  readonly point: GridPoint;
  /** Of initial weights and dropout. */
  readonly seed: number;
  readonly train: Rows;
  readonly valid: Rows;
  /** @param logits [rows, K] of the validation rows */
  readonly judge: (logits: Float32Array) => J;
}

export interface FittedProbe<J extends Judged> {
  readonly head: Head;
  /** Of the best check: the epoch, from 0 on as the kit counts them. */
  readonly epoch: number;
  readonly judged: J;
  /** Epochs that were trained. */
  readonly epochs: number;
  /** Of the group that it was trained in. */
  readonly seconds: number;
}

export interface FitOptions {
  readonly sizes: Pick<HeadSizes, 'inputs' | 'outputs'>;
  readonly type: PredictionType;
  /** Which way the score is better. */
  readonly better: 'higher' | 'lower';
  /** Told about every check. */
  readonly progress?: (line: string) => void;
}

/** Probes that are trained by one graph at most. More are faster for each, and take more memory: about 50 MB each with two hidden layers. */
const TOGETHER = 8;

/**
 * Trains probes as HEAR's kit does: Adam over the rows in their given order, a check every few epochs, an end when `patience` checks in
 * a row brought nothing better; the best check's weights are kept, the earlier ones of equals. Probes that differ in learning rate,
 * initialisation and data only are trained side by side by one compiled graph.
 * @returns in the order of `tasks`; undefined where the first check gave no number: a rate too high, or a score that is undefined on
 *   these rows
 * @throws PengiError E_DATA for too few rows, E_CONFIG when there is no check; as the engine
 */
export async function fitProbes<J extends Judged>(
  engine: Engine,
  tasks: readonly ProbeTask<J>[],
  options: FitOptions,
): Promise<(FittedProbe<J> | undefined)[]> {
  const groups = new Map<string, number[]>();
  for (const [i, { point, train }] of tasks.entries()) {
    const { lr, initialization, ...structure } = point;
    const key = JSON.stringify([structure, batchRanges(train.count, point.batch_size).length]);
    groups.set(key, [...(groups.get(key) ?? []), i]);
  }
  const fitted: (FittedProbe<J> | undefined)[] = [];
  for (const indices of groups.values())
    for (let from = 0; from < indices.length; from += TOGETHER) {
      const part = indices.slice(from, from + TOGETHER);
      const results = await fitGroup(
        engine,
        part.map((i) => tasks[i]!),
        options,
      );
      for (const [p, i] of part.entries()) fitted[i] = results[p];
    }
  return fitted;
}

/** A probe under training. */
interface Runner<J extends Judged> {
  readonly task: ProbeTask<J>;
  head: Head;
  moments: AdamMoments;
  best: Omit<FittedProbe<J>, 'epochs' | 'seconds'> | undefined;
  /** Checks since the best one. */
  waited: number;
  stopped: boolean;
  epochs: number;
}

async function fitGroup<J extends Judged>(
  engine: Engine,
  tasks: readonly ProbeTask<J>[],
  options: FitOptions,
): Promise<(FittedProbe<J> | undefined)[]> {
  const start = performance.now();
  const { point } = tasks[0]!;
  const { max_epochs, check_val_every_n_epoch: every, patience } = point;
  if (every > max_epochs)
    throw new PengiError('E_CONFIG', `a check every ${every} epochs never comes in ${max_epochs}`);
  const sizes: HeadSizes = {
    ...options.sizes,
    hiddenLayers: point.hidden_layers,
    hiddenDim: point.hidden_dim,
  };
  const runners = tasks.map((task): Runner<J> => {
    const head = initHead(sizes, task.point.initialization, createRng(task.seed));
    const { m, v } = adamInit(head.params);
    return {
      task,
      head,
      moments: { m, v },
      best: undefined,
      waited: 0,
      stopped: false,
      epochs: 0,
    };
  });

  let steps = 0;
  let epoch = 0;
  let running = runners;
  while (running.length > 0 && epoch < max_epochs) {
    const program = compileHeads(engine, point.dropout, options.type, packed(running, steps));
    try {
      // Until half of them have stopped: then the others go on in a smaller graph.
      while (epoch < max_epochs && 2 * running.filter(({ stopped }) => stopped).length < running.length) {
        steps = await trainEpoch(program, running, options, steps);
        for (const runner of running) if (!runner.stopped) runner.epochs = epoch + 1;
        if ((epoch + 1) % every === 0) await check(program, running, options, epoch, patience);
        epoch++;
      }
      running = unpacked(running, await program.state()).filter(({ stopped }) => !stopped);
    } finally {
      await program.dispose();
    }
  }
  const seconds = (performance.now() - start) / 1000;
  return runners.map(({ best, epochs }) => best && { ...best, epochs, seconds });
}

function packed(running: readonly Runner<Judged>[], steps: number): HeadState {
  const { params, statistics } = stackTrees(running.map(({ head }) => head));
  const { m, v } = stackTrees(running.map(({ moments }) => moments));
  return { params, statistics, adam: { step: scalar(steps), m, v } };
}

function unpacked<J extends Judged>(running: readonly Runner<J>[], state: HeadState): Runner<J>[] {
  const { params, statistics, adam } = state;
  for (const [p, runner] of running.entries()) {
    runner.head = unstackTree({ params, statistics }, p);
    runner.moments = unstackTree({ m: adam.m, v: adam.v }, p);
  }
  return [...running];
}

/** @returns the number of steps after it */
async function trainEpoch<J extends Judged>(
  program: HeadProgram,
  running: readonly Runner<J>[],
  { sizes }: FitOptions,
  steps: number,
): Promise<number> {
  const { batch_size } = running[0]!.task.point;
  const rates = floats(
    running.map(({ task }) => task.point.lr),
    [running.length, 1, 1],
  );
  const sets = rowSets(running.map(({ task }) => task.train));
  const ranges = sets.map(({ count }) => batchRanges(count, batch_size));
  let step = steps;
  for (let b = 0; b < ranges[0]!.length; b++, step++) {
    const parts = sets.map((rows, s) => ({ rows, ...ranges[s]![b]! }));
    const seeds = ints(running.map(({ task }) => foldKey(task.seed, step) | 0));
    await program.train({ ...batchOf(parts, sizes), rates, seeds });
  }
  return step;
}

async function check<J extends Judged>(
  program: HeadProgram,
  running: readonly Runner<J>[],
  { sizes, better, progress }: FitOptions,
  epoch: number,
  patience: number,
): Promise<void> {
  const sets = rowSets(running.map(({ task }) => task.valid));
  const logits = await programLogits(program, sets, running.length, sizes);
  let state: HeadState | undefined;
  for (const [p, runner] of running.entries()) {
    if (runner.stopped) continue;
    const own = logits[p]!;
    // The kit ends a training whose score is no number, as lightning's EarlyStopping does.
    const judged = own.every(Number.isFinite) ? runner.task.judge(own) : undefined;
    if (judged === undefined || !Number.isFinite(judged.score)) {
      runner.stopped = true;
      continue;
    }
    const before = runner.best?.judged.score;
    const improved =
      before === undefined || (better === 'higher' ? judged.score > before : judged.score < before);
    if (improved) {
      state ??= await program.state();
      const { params, statistics } = state;
      runner.best = { head: unstackTree({ params, statistics }, p), epoch, judged };
      runner.waited = 0;
    } else if (++runner.waited >= patience) runner.stopped = true;
  }
  const best = running.map((runner) => runner.best?.judged.score.toFixed(4) ?? '-').join(' ');
  progress?.(`epoch ${epoch + 1}: best of each so far ${best}`);
}

/** The rows of each probe, or once what all of them have. */
function rowSets(all: readonly Rows[]): readonly Rows[] {
  return all.every((rows) => rows === all[0]) ? [all[0]!] : all;
}

async function programLogits(
  program: Pick<HeadProgram, 'logits'>,
  sets: readonly Rows[],
  probes: number,
  sizes: FitOptions['sizes'],
): Promise<Float32Array[]> {
  const counts = Array.from({ length: probes }, (_, p) => sets[sets.length === 1 ? 0 : p]!.count);
  const out = counts.map((count) => new Float32Array(count * sizes.outputs));
  const longest = Math.max(...counts);
  for (let from = 0; from < longest; from += CHUNK) {
    const to = Math.min(longest, from + CHUNK);
    const parts = sets.map((rows) => ({
      rows,
      from: Math.min(from, rows.count),
      to: Math.min(to, rows.count),
    }));
    const { x } = batchOf(parts, sizes, to - from);
    const { data } = await program.logits(x);
    const size = (to - from) * sizes.outputs;
    for (const [p, count] of counts.entries())
      if (count > from)
        out[p]!.set(
          (data as Float32Array).subarray(p * size, p * size + (Math.min(to, count) - from) * sizes.outputs),
          from * sizes.outputs,
        );
  }
  return out;
}

/** Rows that are put through the probes at once when nothing is trained. */
const CHUNK = 1024;

/** Logits [count, K] of a trained probe. */
export async function probeLogits(
  engine: Engine,
  { params, statistics }: Head,
  rows: Rows,
  { sizes, type }: Pick<FitOptions, 'sizes' | 'type'>,
): Promise<Float32Array> {
  const { m, v } = adamInit(params);
  const head = stackTrees([{ params, statistics }]);
  const program = compileHeads(engine, 0, type, {
    ...head,
    adam: { step: scalar(0), ...stackTrees([{ m, v }]) },
  });
  try {
    return (await programLogits(program, [rows], 1, sizes))[0]!;
  } finally {
    await program.dispose();
  }
}

interface Range {
  readonly from: number;
  readonly to: number;
}

/**
 * The batches of an epoch, in the rows' order. A last batch of a single row, which has no variance and on which the kit fails, is joined
 * to the one before.
 * @throws PengiError E_DATA for fewer than two rows
 */
export function batchRanges(count: number, size: number): Range[] {
  if (count < 2) throw new PengiError('E_DATA', `${count} rows to train with; at least 2 are needed`);
  const ranges: Range[] = [];
  for (let from = 0; from < count; from += size) ranges.push({ from, to: Math.min(count, from + size) });
  const last = ranges.at(-1)!;
  if (last.to - last.from === 1 && ranges.length > 1)
    ranges.splice(-2, 2, { from: ranges.at(-2)!.from, to: count });
  return ranges;
}

/** A part of each set's rows as [S, rows, …], filled up with rows that the mask leaves out. */
function batchOf(
  parts: readonly (Range & { rows: Rows })[],
  { inputs, outputs }: FitOptions['sizes'],
  length = Math.max(...parts.map(({ from, to }) => to - from)),
): { x: NdArray; y: NdArray; mask: NdArray } {
  const S = parts.length;
  const x = new Float32Array(S * length * inputs);
  const y = new Float32Array(S * length * outputs);
  const mask = new Float32Array(S * length);
  for (const [s, { rows, from, to }] of parts.entries()) {
    x.set(rows.x.subarray(from * inputs, to * inputs), s * length * inputs);
    y.set(rows.y.subarray(from * outputs, to * outputs), s * length * outputs);
    mask.fill(1, s * length, s * length + to - from);
  }
  return {
    x: floats(x, [S, length, inputs]),
    y: floats(y, [S, length, outputs]),
    mask: floats(mask, [S, length, 1]),
  };
}
