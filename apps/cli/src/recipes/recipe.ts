import type { TrainConfigInput } from '../train/config.js';
import type { TaskName } from '../train/run.js';

/** A training config that comes with the program: `pengi train --recipe NAME`. */
export interface Recipe {
  readonly name: string;
  readonly task: TaskName;
  /** One line: what it trains, on what. */
  readonly summary: string;
  /** Paths count from the folder that the command is run in. */
  readonly config: TrainConfigInput;
}
