/** An exponential average of what it has been given, without the bias towards 0 of the first values. */
export interface Average {
  /** Takes a value and gives the average with it. */
  add(value: number): number;
}

/** @param weight of what came before, 0 … 1 */
export function createAverage(weight: number): Average {
  let sum = 0;
  let total = 0;
  return {
    add(value) {
      sum = weight * sum + (1 - weight) * value;
      total = weight * total + (1 - weight);
      return sum / total;
    },
  };
}
