// AssemblyScript, compiled to src/adam-wasm.ts by `pnpm --filter @pengi/nn wasm`. Passes over float32 arrays, four values at
// once. The caller lays out the memory: arguments are addresses, aligned to 16 bytes, and counts, of which the last vector may
// be only partly used.

const VECTOR: usize = 16;

/** The sum of squares, in double precision. Values after the last one must be 0 up to a whole vector. */
export function sumOfSquares(x: usize, count: i32): f64 {
  const end = x + ((<usize>count) << 2);
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  for (; x < end; x += VECTOR) {
    const values = v128.load(x);
    const a = f64x2.promote_low_f32x4(values);
    const b = f64x2.promote_low_f32x4(v128.shuffle<f32>(values, values, 2, 3, 2, 3));
    low = f64x2.add(low, f64x2.mul(a, a));
    high = f64x2.add(high, f64x2.mul(b, b));
  }
  const sums = f64x2.add(low, high);
  return f64x2.extract_lane(sums, 0) + f64x2.extract_lane(sums, 1);
}

/**
 * A step of Adam in place: p, and the moments m and v.
 * @param factor of the gradients g
 * @param rest1 1 - beta1
 * @param rest2 1 - beta2
 * @param correction 1 / √(1 - beta2^t), of the root of v
 * @param rate of the step, divided by 1 - beta1^t
 * @param kept what decay leaves of p: 1 without decay
 */
export function adam(
  p: usize,
  g: usize,
  m: usize,
  v: usize,
  count: i32,
  factor: f32,
  beta1: f32,
  rest1: f32,
  beta2: f32,
  rest2: f32,
  correction: f32,
  epsilon: f32,
  rate: f32,
  kept: f32,
): void {
  const end = p + ((<usize>count) << 2);
  for (; p < end; p += VECTOR, g += VECTOR, m += VECTOR, v += VECTOR) {
    const gradient = f32x4.mul(v128.load(g), f32x4.splat(factor));
    const first = f32x4.add(
      f32x4.mul(v128.load(m), f32x4.splat(beta1)),
      f32x4.mul(gradient, f32x4.splat(rest1)),
    );
    const second = f32x4.add(
      f32x4.mul(v128.load(v), f32x4.splat(beta2)),
      f32x4.mul(f32x4.mul(gradient, gradient), f32x4.splat(rest2)),
    );
    v128.store(m, first);
    v128.store(v, second);
    const root = f32x4.mul(f32x4.sqrt(second), f32x4.splat(correction));
    const change = f32x4.div(
      f32x4.mul(first, f32x4.splat(rate)),
      f32x4.add(root, f32x4.splat(epsilon)),
    );
    v128.store(p, f32x4.sub(f32x4.mul(v128.load(p), f32x4.splat(kept)), change));
  }
}

/** average = decay · average + (1 - decay) · x, in place. */
export function average(average: usize, x: usize, count: i32, decay: f32, rest: f32): void {
  const end = x + ((<usize>count) << 2);
  for (; x < end; x += VECTOR, average += VECTOR)
    v128.store(
      average,
      f32x4.add(
        f32x4.mul(v128.load(average), f32x4.splat(decay)),
        f32x4.mul(v128.load(x), f32x4.splat(rest)),
      ),
    );
}
