export interface MinimizeOptions {
  /** Steps at most. */
  readonly maxSteps: number;
  /** Stop when no component of the gradient is larger. */
  readonly tolerance: number;
}

/**
 * The minimum of a smooth convex function by L-BFGS (Nocedal and Wright, Numerical Optimization, algorithm 7.5) with
 * backtracking. Deterministic.
 * @param evaluate writes the gradient at `x` and returns the value
 * @param x where to start; holds the result afterwards
 */
export function minimize(
  evaluate: (x: Float64Array, gradient: Float64Array) => number,
  x: Float64Array,
  { maxSteps, tolerance }: MinimizeOptions,
): void {
  let gradient = new Float64Array(x.length);
  let value = evaluate(x, gradient);
  const history: Correction[] = [];

  for (let step = 0; step < maxSteps && largest(gradient) > tolerance; step++) {
    const direction = descentDirection(gradient, history);
    const slope = dot(gradient, direction);
    const candidate = new Float64Array(x.length);
    const nextGradient = new Float64Array(x.length);
    // The first step has no curvature to go by: it is made one unit long.
    let length = history.length === 0 ? 1 / Math.sqrt(dot(gradient, gradient)) : 1;
    let nextValue = Number.POSITIVE_INFINITY;
    for (let halving = 0; halving < MAX_HALVINGS; halving++) {
      for (let i = 0; i < x.length; i++) candidate[i] = at(x, i) + length * at(direction, i);
      nextValue = evaluate(candidate, nextGradient);
      if (nextValue <= value + SUFFICIENT_DECREASE * length * slope) break;
      length /= 2;
    }
    if (!(nextValue < value)) return; // no lower value to be found in double precision

    remember(history, difference(candidate, x), difference(nextGradient, gradient));
    x.set(candidate);
    gradient = nextGradient;
    value = nextValue;
  }
}

/** Armijo's constant, as usual. */
const SUFFICIENT_DECREASE = 1e-4;
const MAX_HALVINGS = 30;
const HISTORY = 10;

/** A step that was made, and how the gradient changed by it. */
interface Correction {
  readonly step: Float64Array;
  readonly change: Float64Array;
  /** 1 / (step · change) */
  readonly rho: number;
}

function remember(history: Correction[], step: Float64Array, change: Float64Array): void {
  const curvature = dot(step, change);
  if (curvature <= 0) return;
  history.push({ step, change, rho: 1 / curvature });
  if (history.length > HISTORY) history.shift();
}

/** -H · gradient by the two-loop recursion, where H approximates the inverse Hessian. */
function descentDirection(gradient: Float64Array, history: readonly Correction[]): Float64Array {
  const direction = gradient.map((g) => -g);
  const alphas = history.map(() => 0);
  for (let i = history.length - 1; i >= 0; i--) {
    const { step, change, rho } = history[i] as Correction;
    alphas[i] = rho * dot(step, direction);
    addScaled(direction, change, -alphas[i]!);
  }
  const last = history.at(-1);
  if (last !== undefined) {
    const scale = 1 / (last.rho * dot(last.change, last.change));
    for (let j = 0; j < direction.length; j++) direction[j] = at(direction, j) * scale;
  }
  history.forEach(({ step, change, rho }, i) => {
    addScaled(direction, step, alphas[i]! - rho * dot(change, direction));
  });
  return direction;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += at(a, i) * at(b, i);
  return sum;
}

function addScaled(target: Float64Array, source: Float64Array, scale: number): void {
  for (let i = 0; i < target.length; i++) target[i] = at(target, i) + scale * at(source, i);
}

function difference(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((value, i) => value - at(b, i));
}

function largest(values: Float64Array): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

function at(values: Float64Array, index: number): number {
  return values[index] as number;
}
