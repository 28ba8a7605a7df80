/**
 * The bicubic resize of `torch.nn.functional.interpolate(mode="bicubic", align_corners=True)` along one axis, as a
 * matrix [outputs, inputs], row-major: a constant product is deterministic, differentiable and runs everywhere.
 */
export function bicubicMatrix(inputs: number, outputs: number): Float32Array {
  const matrix = new Float32Array(outputs * inputs);
  const scale = outputs > 1 ? (inputs - 1) / (outputs - 1) : 0;
  for (let row = 0; row < outputs; row++) {
    const position = row * scale;
    const base = Math.floor(position);
    const t = position - base;
    const taps = [outer(t + 1), inner(t), inner(1 - t), outer(2 - t)];
    taps.forEach((tap, i) => {
      // Taps beyond the borders take the border's value.
      const column = Math.min(inputs - 1, Math.max(0, base - 1 + i));
      matrix[row * inputs + column]! += tap;
    });
  }
  return matrix;
}

/** Keys' cubic convolution kernel with a = -0.75, at distances up to 1 and from 1 to 2. */
const A = -0.75;
const inner = (x: number) => ((A + 2) * x - (A + 3)) * x * x + 1;
const outer = (x: number) => ((A * x - 5 * A) * x + 8 * A) * x - 4 * A;
