/** One training step, in one process or in several. */
import { type NdArray, scalar } from '@pengi/core';
import type { Arrays, StepProgram } from '@pengi/jit';
import type { Tensor } from '@tensorflow/tfjs-core';
import { createParallelStepper } from './parallel.js';
import { type StepOutput, type StepState, sampleSeeds, type Tensors, trainingStep } from './step.js';
import type { Batch, TrainOptions, TrainTask } from './task.js';

export interface StepInput<B> {
  step: number;
  batch: Batch<B>;
  learningRate: number;
  /** Whether this process wants to stop after the step. */
  stop: boolean;
}

export interface StepResult {
  output: Arrays<StepOutput>;
  /** Whether any process wants to stop: all have to, then. */
  stop: boolean;
}

export interface Stepper<B> {
  run(input: StepInput<B>): Promise<StepResult>;
  state(): Promise<Arrays<StepState>>;
  dispose(): Promise<void>;
}

export interface StepperParts {
  frozen: Record<string, NdArray>;
  state: Arrays<StepState>;
  /** Told, once, which trainable parameters the loss does not depend on. */
  onUnused: (paths: string[]) => void;
}

export function createStepper<P, B>(
  task: TrainTask<P, B>,
  parts: StepperParts,
  options: TrainOptions,
): Stepper<B> {
  const { communicator } = options;
  return communicator && communicator.size > 1
    ? createParallelStepper(task, parts, { ...options, communicator })
    : createSingleStepper(task, parts, options);
}

/** Forward, backward and update are one graph. */
function createSingleStepper<P, B>(
  task: TrainTask<P, B>,
  { frozen, state, onUnused }: StepperParts,
  options: TrainOptions,
): Stepper<B> {
  const program: StepProgram<StepState, [B, Tensor, Tensor], StepOutput> = options.engine.compileStep(
    trainingStep(task, { ...options, onUnused }),
    frozen as Arrays<Tensors>,
    state,
    { name: `the training step of ${task.name}` },
  );
  return {
    async run({ step, batch, learningRate, stop }) {
      const seeds = sampleSeeds(options.seed, step, batch.ids);
      return { output: await program.run(batch.arrays, seeds, scalar(learningRate)), stop };
    },
    state: () => program.state(),
    dispose: () => program.dispose(),
  };
}
