/** The parts of CLAP as loops over numbers in double precision, to compare the model with. */
import type { NdArray } from '@pengi/core';
import type { ClipTextConfig, RobertaConfig } from '../config.js';
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

function layerNorm(p: Named, name: string, x: Vector, epsilon = 1e-5): Vector {
  const mean = sum(x) / x.length;
  const variance = sum(x.map((value) => (value - mean) ** 2)) / x.length;
  const [gain, bias] = [vector(p, `${name}.weight`), vector(p, `${name}.bias`)];
  return x.map((value, i) => ((value - mean) / Math.sqrt(variance + epsilon)) * gain[i]! + bias[i]!);
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
  return x.map((_, t) => {
    return linear(p, `${name}.out_proj`, mixedHeads(q[t]!, k.slice(0, t + 1), v, heads));
  });
}

/** What one query sees of the values, head by head. */
function mixedHeads(query: Vector, keys: Vector[], values: Vector[], heads: number): Vector {
  const size = query.length / heads;
  return Array.from({ length: heads }, (_, h) => {
    const part = (row: Vector) => row.slice(h * size, (h + 1) * size);
    const weights = softmax(keys.map((key) => dot(part(query), part(key)) / Math.sqrt(size)));
    return Array.from({ length: size }, (_, c) => sum(weights.map((w, s) => w * part(values[s]!)[c]!)));
  }).flat();
}

/** W₂ max(0, W₁ x + b₁) + b₂ */
export function plainReluProjection(p: Named, name: string, x: Vector): Vector {
  const inner = linear(p, `${name}.linear1`, x).map((value) => Math.max(0, value));
  return linear(p, `${name}.linear2`, inner);
}

/** RoBERTa on the ids of one text without padding: hidden states, and what the pooler makes of the first. */
export function plainRoberta(
  p: Named,
  ids: readonly number[],
  { heads, layers, pad, epsilon }: RobertaConfig,
): { hidden: Vector[]; pooled: Vector } {
  const table = (name: string) => rowsOf(p[`embeddings.${name}.weight`]!);
  const [words, places, kinds] = ['word_embeddings', 'position_embeddings', 'token_type_embeddings'].map(
    table,
  );
  let x = ids.map((id, t) => {
    const token = plus(plus(words![id]!, kinds![0]!), places![pad + 1 + t]!);
    return layerNorm(p, 'embeddings.LayerNorm', token, epsilon);
  });
  for (let i = 0; i < layers; i++) {
    const at = (name: string) => `encoder.layer.${i}.${name}`;
    const [q, k, v] = ['query', 'key', 'value'].map((part) =>
      x.map((row) => linear(p, at(`attention.self.${part}`), row)),
    ) as [Vector[], Vector[], Vector[]];
    x = x.map((row, t) => {
      const attended = linear(p, at('attention.output.dense'), mixedHeads(q[t]!, k, v, heads));
      const y = layerNorm(p, at('attention.output.LayerNorm'), plus(row, attended), epsilon);
      const mlp = linear(p, at('output.dense'), linear(p, at('intermediate.dense'), y).map(gelu));
      return layerNorm(p, at('output.LayerNorm'), plus(y, mlp), epsilon);
    });
  }
  return { hidden: x, pooled: linear(p, 'pooler.dense', x[0]!).map(Math.tanh) };
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
