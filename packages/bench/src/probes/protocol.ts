/** HEAR's protocol: a grid search on the first split, its winner on all of them. */
import { foldKey, PengiError } from '@pengi/core';
import type { Engine } from '@pengi/jit';
import { type HearFold, hearFolds } from '@pengi/metrics';
import type { SplitEmbeddings, TaskEmbeddings } from './embeddings.js';
import {
  type FitOptions,
  type FittedProbe,
  fitProbes,
  type ProbeTask,
  probeLogits,
  type Rows,
} from './fit.js';
import { drawnPoints, type Grid, type GridName, type GridPoint, linearPoints } from './grid.js';
import {
  betterWay,
  type Postprocessing,
  type Scores,
  testScores,
  type Validation,
  validationJudge,
} from './scores.js';

/**
 * The paper's probes (Table 9) by their number of linear layers, and "hear": the best of the points that HEAR's kit draws, which have
 * two or three.
 */
export const PROBES = ['L1', 'L2', 'L3', 'hear'] as const;
export type ProbeName = (typeof PROBES)[number];

export interface ProbeOptions {
  readonly engine: Engine;
  /** Default "full". */
  readonly grid?: GridName;
  /** How many of the grid's points are drawn; default 8. */
  readonly points?: number;
  /** Default: all. */
  readonly probes?: readonly ProbeName[];
  /** Of initial weights and dropout; default 42. The draw of the grid points always has the kit's own. */
  readonly seed?: number;
  readonly progress?: (line: string) => void;
}

export interface FoldResult {
  /** The split that it is tested on. */
  readonly test: string;
  readonly scores: Scores;
  readonly loss: number;
  readonly validationScore: number;
  /** Of the best check, from 0 on. */
  readonly epoch: number;
  readonly seconds: number;
  readonly postprocessing?: Postprocessing;
}

export interface ProbeResult {
  readonly probe: ProbeName;
  readonly point: GridPoint;
  readonly folds: readonly FoldResult[];
  /** All points on the first split, in the order in which they were drawn; null where the score was no number. */
  readonly search: readonly {
    readonly point: GridPoint;
    readonly validationScore: number | null;
    readonly epoch: number | null;
  }[];
}

/** Of a split of the task: what trains, what selects, what tests. */
interface Fold {
  readonly test: string;
  readonly train: Rows;
  readonly valid: SplitEmbeddings;
  readonly judge: (logits: Float32Array) => Validation;
}

/**
 * Trains and tests the probes of one task.
 * @returns one result per probe; a probe of which the grid's draw holds no point is left out
 * @throws PengiError E_DATA for splits without rows, E_CONFIG, E_USAGE; what the engine throws
 */
export async function evaluateProbes(
  embeddings: TaskEmbeddings,
  options: ProbeOptions,
): Promise<ProbeResult[]> {
  const { engine, seed = 42, progress, probes = PROBES } = options;
  const { task, size } = embeddings;
  const { metadata, labels } = task;
  const fitting: FitOptions = {
    sizes: { inputs: size, outputs: labels.length },
    type: metadata.prediction_type,
    better: betterWay(embeddings),
    ...(progress && { progress }),
  };
  const gridOptions = {
    ...options,
    taskName: metadata.task_name,
    taskGrid: metadata.evaluation_params.task_specific_param_grid as Partial<Grid> | undefined,
  };
  const [first, ...others] = foldsOf(task.metadata).map((fold) => openFold(embeddings, fold));

  const kinds = PROBES.filter((probe) => probes.includes(probe));
  const drawn = kinds.some((probe) => probe !== 'L1') ? drawnPoints(gridOptions) : [];
  const points = [...(kinds.includes('L1') ? linearPoints(gridOptions) : []), ...drawn].filter((point) =>
    kinds.some((probe) => belongs(point, probe)),
  );
  progress?.(`${task.id}: ${points.length} grid points on ${first!.test}`);
  const taskOf = (fold: Fold, point: GridPoint): ProbeTask<Validation> => ({
    point,
    // Whatever is trained beside it, a point on a fold starts from the same weights.
    seed: foldKey(foldKey(seed, fold.test), JSON.stringify(point)),
    train: fold.train,
    valid: fold.valid,
    judge: fold.judge,
  });
  const searched = await fitProbes(
    engine,
    points.map((point) => taskOf(first!, point)),
    fitting,
  );

  const winners = new Map<ProbeName, number>();
  for (const probe of kinds) {
    const own = points.flatMap((point, i) => (belongs(point, probe) ? [i] : []));
    const candidates = own.filter((i) => searched[i] !== undefined);
    if (own.length > 0 && candidates.length === 0) throw undefinedScore(first!.test);
    const better = (a: number, b: number) =>
      fitting.better === 'higher'
        ? searched[a]!.judged.score > searched[b]!.judged.score
        : searched[a]!.judged.score < searched[b]!.judged.score;
    if (own.length > 0)
      winners.set(
        probe,
        candidates.reduce((best, i) => (better(i, best) ? i : best)),
      );
  }

  const distinct = [...new Set(winners.values())];
  if (others.length > 0) progress?.(`${task.id}: ${distinct.length} winners on ${others.length} more folds`);
  const repeated = await fitProbes(
    engine,
    distinct.flatMap((i) => others.map((fold) => taskOf(fold, points[i]!))),
    fitting,
  );

  const folds = [first!, ...others];
  const tested = new Map<number, FoldResult[]>();
  for (const [w, i] of distinct.entries()) {
    const fitted = [searched[i]!, ...repeated.slice(w * others.length, (w + 1) * others.length)];
    const results: FoldResult[] = [];
    for (const [f, probe] of fitted.entries()) {
      if (probe === undefined) throw undefinedScore(folds[f]!.test);
      results.push(await testFold(embeddings, folds[f]!.test, probe, engine, fitting));
    }
    tested.set(i, results);
  }
  return [...winners].map(([probe, i]) => ({
    probe,
    point: points[i]!,
    folds: tested.get(i)!,
    search: points.flatMap((point, j) =>
      belongs(point, probe)
        ? [{ point, validationScore: searched[j]?.judged.score ?? null, epoch: searched[j]?.epoch ?? null }]
        : [],
    ),
  }));
}

function belongs({ hidden_layers }: GridPoint, probe: ProbeName): boolean {
  return probe === 'hear' ? hidden_layers > 0 : hidden_layers === Number(probe.slice(1)) - 1;
}

function undefinedScore(test: string): PengiError {
  return new PengiError('E_DATA', `the score that selects the model is undefined where ${test} is tested`, {
    hint: 'd_prime and aucroc need validation clips with and without every label',
  });
}

/** The splits as HEAR's kit uses them, by the task's `split_mode`. */
export function foldsOf({ split_mode, splits }: TaskEmbeddings['task']['metadata']): HearFold[] {
  return split_mode === 'trainvaltest'
    ? [{ test: 'test', valid: 'valid', train: ['train'] }]
    : hearFolds(splits);
}

function openFold(embeddings: TaskEmbeddings, { test, valid, train }: HearFold): Fold {
  const split = (name: string) => {
    const found = embeddings.splits.get(name);
    if (!found || found.count === 0)
      throw new PengiError('E_DATA', `the split ${name} has no embeddings`, { file: embeddings.task.dir });
    return found;
  };
  split(test);
  return {
    test,
    train: concatenated(train.map(split)),
    valid: split(valid),
    judge: validationJudge(embeddings, split(valid)),
  };
}

function concatenated(parts: readonly Rows[]): Rows {
  if (parts.length === 1) return parts[0]!;
  const join = (arrays: readonly Float32Array[]) => {
    const out = new Float32Array(arrays.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const array of arrays) {
      out.set(array, at);
      at += array.length;
    }
    return out;
  };
  return {
    count: parts.reduce((sum, { count }) => sum + count, 0),
    x: join(parts.map(({ x }) => x)),
    y: join(parts.map(({ y }) => y)),
  };
}

async function testFold(
  embeddings: TaskEmbeddings,
  test: string,
  { head, judged, epoch, seconds }: FittedProbe<Validation>,
  engine: Engine,
  fitting: FitOptions,
): Promise<FoldResult> {
  const split = embeddings.splits.get(test)!;
  const logits = await probeLogits(engine, head, split, fitting);
  const { postprocessing } = judged;
  const { scores, loss } = testScores(embeddings, split, logits, postprocessing);
  return {
    test,
    scores,
    loss,
    validationScore: judged.score,
    epoch,
    seconds,
    ...(postprocessing && { postprocessing }),
  };
}
