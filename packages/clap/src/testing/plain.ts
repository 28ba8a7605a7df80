/** The parts of CLAP as loops over numbers in double precision, to compare the model with. */
import type { NdArray } from '@pengi/core';
import type { ClipTextConfig } from '../config.js';
import { rowsOf, sum } from './tiny.js';

type Vector = number[];

/** Arrays by the names of the spec. */
export type Named = Readonly<Record<string, NdArray>>;

const vector = (p: Named, name: string): Vector => Array.from(p[name]!.data, Number);

const dot = (a: Vector, b: Vector) => sum(a.map((x, i) => x * b[i]!));

const plus = (a: Vector, b: Vector): Vector => a.map((x, i) => x + b[i]!);

/** W x + b */
function linear(p: Named, name: string, x: Vector): Vector {
  const y = rowsOf(p[`${name}.weight`]!).map((row) => dot(row, x));
  return p[`${name}.bias`] ? plus(y, vector(p, `${name}.bias`)) : y;
}

function layerNorm(p: Named, name: string, x: Vector): Vector {
  const mean = sum(x) / x.length;
  const variance = sum(x.map((value) => (value - mean) ** 2)) / x.length;
  const [gain, bias] = [vector(p, `${name}.weight`), vector(p, `${name}.bias`)];
  return x.map((value, i) => ((value - mean) / Math.sqrt(variance + 1e-5)) * gain[i]! + bias[i]!);
}

function softmax(scores: Vector): Vector {
  const weights = scores.map((score) => Math.exp(score - Math.max(...scores)));
  return weights.map((weight) => weight / sum(weights));
}

/** x Φ(x), the error function by its power series: right for |x| < 4. */
function gelu(x: number): number {
  const z = x / Math.SQRT2;
  let [term, erf] = [z, z];
  for (let n = 1; n < 60; n++) {
    term *= -(z * z) / n;
    erf += term / (2 * n + 1);
  }
  return 0.5 * x * (1 + (2 / Math.sqrt(Math.PI)) * erf);
}

/** LN(e + W₂ GELU(e)) with e = W₁ x; without the second term where everything is dropped. */
export function plainProjection(p: Named, name: string, x: Vector, { dropped = false } = {}): Vector {
  const e = linear(p, `${name}.linear1`, x);
  const more = linear(p, `${name}.linear2`, e.map(gelu));
  return layerNorm(p, `${name}.layer_norm`, dropped ? e : plus(e, more));
}

/** Hidden states of CLIP's text tower for the ids of one text. */
export function plainTextTower(
  p: Named,
  ids: readonly number[],
  { heads, layers }: ClipTextConfig,
): Vector[] {
  const tokens = rowsOf(p['embeddings.token_embedding.weight']!);
  const places = rowsOf(p['embeddings.position_embedding.weight']!);
  let x = ids.map((id, t) => plus(tokens[id]!, places[t]!));
  for (let i = 0; i < layers; i++) {
    const at = (name: string) => `encoder.layers.${i}.${name}`;
    const attended = attention(
      p,
      at('self_attn'),
      x.map((row) => layerNorm(p, at('layer_norm1'), row)),
      heads,
    );
    const y = x.map((row, t) => plus(row, attended[t]!));
    x = y.map((row) => {
      const inner = linear(p, at('mlp.fc1'), layerNorm(p, at('layer_norm2'), row));
      const active = inner.map((value) => value / (1 + Math.exp(-1.702 * value)));
      return plus(row, linear(p, at('mlp.fc2'), active));
    });
  }
  return x.map((row) => layerNorm(p, 'final_layer_norm', row));
}

/** Each position sees itself and those before it. */
function attention(p: Named, name: string, x: Vector[], heads: number): Vector[] {
  const [q, k, v] = ['q_proj', 'k_proj', 'v_proj'].map((part) =>
    x.map((row) => linear(p, `${name}.${part}`, row)),
  ) as [Vector[], Vector[], Vector[]];
  const size = x[0]!.length / heads;
  return x.map((_, t) => {
    const mixed = Array.from({ length: heads }, (_, h) => {
      const part = (row: Vector) => row.slice(h * size, (h + 1) * size);
      const seen = k.slice(0, t + 1);
      const weights = softmax(seen.map((key) => dot(part(q[t]!), part(key)) / Math.sqrt(size)));
      return Array.from({ length: size }, (_, c) => sum(weights.map((w, s) => w * part(v[s]!)[c]!)));
    });
    return linear(p, `${name}.out_proj`, mixed.flat());
  });
}

export function plainCosine(a: Vector, b: Vector): number {
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

/** Mean over both directions of -ln of the share that falls on the right partners, each as right as the others. */
export function plainContrastiveLoss(
  logitScale: number,
  audio: Vector[],
  text: Vector[],
  groups: readonly number[] = audio.map((_, i) => i),
): number {
  const direction = (from: Vector[], to: Vector[]) =>
    sum(
      from.map((row, i) => {
        const shares = softmax(to.map((other) => Math.exp(logitScale) * plainCosine(row, other)));
        const right = shares.filter((_, j) => groups[j] === groups[i]);
        return -sum(right.map(Math.log)) / right.length;
      }),
    ) / from.length;
  return (direction(audio, text) + direction(text, audio)) / 2;
}
