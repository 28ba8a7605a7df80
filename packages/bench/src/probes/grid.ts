import { PengiError } from '@pengi/core';
import type { Initialization } from './head.js';
import { createPythonRandom } from './python-random.js';

/** One set of hyperparameters, by the kit's own names. What the kit does not vary is not among them. */
export interface GridPoint {
  readonly batch_size: number;
  readonly check_val_every_n_epoch: number;
  readonly dropout: number;
  readonly hidden_dim: number;
  readonly hidden_layers: number;
  readonly initialization: Initialization;
  readonly lr: number;
  readonly max_epochs: number;
  readonly patience: number;
}

/** The values of each hyperparameter. */
export type Grid = { readonly [Name in keyof GridPoint]: readonly GridPoint[Name][] };

/** HEAR's `PARAM_GRID`. */
const FULL: Grid = {
  batch_size: [1024],
  check_val_every_n_epoch: [3],
  dropout: [0.1],
  hidden_dim: [1024],
  hidden_layers: [1, 2],
  initialization: ['xavier_uniform', 'xavier_normal'],
  lr: [3.2e-3, 1e-3, 3.2e-4, 1e-4],
  max_epochs: [500],
  patience: [20],
};

/** By the names of `--grid`: HEAR's default, and its `fast` one, which trains for 10 or 50 epochs. */
export const GRIDS = {
  full: FULL,
  fast: { ...FULL, max_epochs: [10, 50], check_val_every_n_epoch: [3, 10] },
} as const satisfies Record<string, Grid>;

export type GridName = keyof typeof GRIDS;

/** The kit's `TASK_SPECIFIC_PARAM_GRID`. */
const TASK_GRIDS: Readonly<Record<string, Partial<Grid>>> = {
  dcase2016_task2: { check_val_every_n_epoch: [10] },
};

/** The seed that the kit sets before it draws. */
const SEED = 42;

export interface GridOptions {
  /** Default "full". */
  readonly grid?: GridName;
  /** How many points are drawn; the kit's default 8. */
  readonly points?: number;
  readonly taskName?: string;
  /** `evaluation_params.task_specific_param_grid` of the task. */
  readonly taskGrid?: Partial<Grid> | undefined;
}

/**
 * The points that the kit draws, in its order: those with hidden layers, `points` of them; the same ones that
 * `random.seed(42); random.shuffle(list(ParameterGrid(grid)))` puts first.
 * @throws PengiError E_USAGE
 */
export function drawnPoints({
  grid = 'full',
  points = 8,
  taskName = '',
  taskGrid,
}: GridOptions = {}): GridPoint[] {
  if (!Object.hasOwn(GRIDS, grid))
    throw new PengiError('E_USAGE', `no grid "${grid}"; there are ${Object.keys(GRIDS).join(', ')}`);
  if (!(Number.isInteger(points) && points >= 1))
    throw new PengiError('E_USAGE', `${points} grid points; a whole number from 1 on is wanted`);
  return createPythonRandom(SEED)
    .shuffle(allPoints({ ...GRIDS[grid], ...TASK_GRIDS[taskName], ...taskGrid }))
    .slice(0, points);
}

/**
 * The points of a linear probe, which HEAR's grid does not have: every learning rate and initialisation; of epochs and checks the
 * most thorough choice alone, as no other hyperparameter touches a single layer.
 */
export function linearPoints({ grid = 'full', taskName = '', taskGrid }: GridOptions = {}): GridPoint[] {
  const all: Grid = { ...GRIDS[grid], ...TASK_GRIDS[taskName], ...taskGrid };
  const smallest = (values: readonly number[]) => [Math.min(...values)];
  return allPoints({
    ...all,
    hidden_layers: [0],
    hidden_dim: [0],
    dropout: [0],
    max_epochs: [Math.max(...all.max_epochs)],
    check_val_every_n_epoch: smallest(all.check_val_every_n_epoch),
  });
}

/** scikit-learn's `ParameterGrid`: names in alphabetical order, the last one varies fastest. */
function allPoints(grid: Grid): GridPoint[] {
  const names = Object.keys(grid).sort() as (keyof Grid)[];
  let points: Record<string, unknown>[] = [{}];
  for (const name of names)
    points = points.flatMap((point) => grid[name].map((value) => ({ ...point, [name]: value })));
  return points as unknown as GridPoint[];
}
