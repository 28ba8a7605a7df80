/** One training step: of one process or of several, at once or in parts. */
import { type NdArray, scalar } from '@pengi/core';
import type { Arrays, StepProgram } from '@pengi/jit';
import type { Tensor } from '@tensorflow/tfjs-core';
import { createDividedStepper } from './divided.js';
import { type StepOutput, type StepState, sampleSeeds, type Tensors, trainingStep } from './step.js';
import type { Batch, TrainOptions, TrainTask } from './task.js';

export interface StepInput<B> {
  step: number;
  /** The parts that this process computes, one after the other. */
  batches: readonly Batch<B>[];
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
  /** The arrays are valid until the next step. */
  state(): Promise<Arrays<StepState>>;
  /** Graphs that have been compiled. */
  graphs(): number;
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
  const { engine, communicator, accumulate = 1 } = options;
  const isWhole = (communicator?.size ?? 1) * accumulate === 1;
  return isWhole && engine.memory === 'device'
    ? createWholeStepper(task, parts, options)
    : createDividedStepper(task, parts, options);
}

/** Forward, backward and update are one graph, and the state stays where the engine computes. */
function createWholeStepper<P, B>(
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
    async run({ step, batches, learningRate, stop }) {
      const { arrays, ids } = batches[0]!;
      const seeds = sampleSeeds(options.seed, step, ids);
      return { output: await program.run(arrays, seeds, scalar(learningRate)), stop };
    },
    state: () => program.state(),
    graphs: () => program.graphs,
    dispose: () => program.dispose(),
  };
}
