/** The learning rate of a step; steps count from 0. */
export type Schedule = (step: number) => number;

export interface ScheduleOptions {
  /** The peak rate. */
  learningRate: number;
  warmupSteps: number;
  totalSteps: number;
}

/** transformers' `get_linear_schedule_with_warmup`, which the paper's recipe uses: 0 up to the peak, then down to 0. */
export function linearWarmupDecay({ learningRate, warmupSteps, totalSteps }: ScheduleOptions): Schedule {
  return (step) =>
    step < warmupSteps
      ? learningRate * (step / Math.max(1, warmupSteps))
      : learningRate * Math.max(0, (totalSteps - step) / Math.max(1, totalSteps - warmupSteps));
}

/** Linear up to the peak, then half a cosine down to `floor` times the peak. The first step is not 0. */
export function cosineWarmupDecay({
  learningRate,
  warmupSteps,
  totalSteps,
  floor = 0,
}: ScheduleOptions & { floor?: number }): Schedule {
  return (step) => {
    if (step < warmupSteps) return (learningRate * (step + 1)) / warmupSteps;
    const progress = Math.min(1, (step - warmupSteps) / Math.max(1, totalSteps - warmupSteps));
    return learningRate * (floor + (1 - floor) * 0.5 * (1 + Math.cos(Math.PI * progress)));
  };
}

export function constantRate(learningRate: number): Schedule {
  return () => learningRate;
}
