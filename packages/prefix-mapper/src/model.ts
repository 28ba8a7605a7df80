/**
 * Mapping networks (Pengi section 3.2, after ClipCap): from an embedding to vectors that a language model reads as if
 * they were embedded words. Shape letters: B batch, P prefix length, L input length, C channels of the language model.
 */
import { PengiError } from '@pengi/core';
import { attend, layerNorm, linear, mergeHeads, type Probe, splitHeads } from '@pengi/nn';
import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { MapperConfig } from './config.js';
import type { LayerParams, MapperParams, MlpParams, SequenceParams, TransformerParams } from './params.js';

/**
 * The prefix [B, P, C] for x: [B, inputs] for the kinds "mlp" and "transformer", [B, L, C] for "sequence".
 * @throws PengiError E_SHAPE when x is of another shape
 */
export function mapPrefix(p: MapperParams, x: Tensor, config: MapperConfig, probe?: Probe): Tensor {
  const expected =
    config.kind === 'sequence'
      ? [x.shape[0]!, config.inputLength, config.width]
      : [x.shape[0]!, config.inputs];
  if (String(x.shape) !== String(expected))
    throw new PengiError('E_SHAPE', `a ${config.kind} mapper takes [${expected}], found [${x.shape}]`);

  const [B, P, C] = [x.shape[0]!, config.prefixLength, config.width];
  switch (config.kind) {
    case 'mlp':
      return tf.reshape(mlp(p as MlpParams, x), [B, P, C]);
    case 'transformer': {
      const { linear: input, ...rest } = p as TransformerParams;
      return transform(rest, tf.reshape(linear(input, x), [B, config.inputLength, C]), config.heads, probe);
    }
    case 'sequence':
      return transform(p as SequenceParams, x, config.heads, probe);
  }
}

function mlp({ model }: MlpParams, x: Tensor): Tensor {
  return linear(model[2], tf.tanh(linear(model[0], x)));
}

/** The input [B, L, C] and learnt constants [P, C] go through the layers together; what became of the constants is it. */
function transform(p: SequenceParams, x: Tensor, heads: number, probe: Probe | undefined): Tensor {
  const [B, L, C] = x.shape as [number, number, number];
  const P = p.prefix_const.shape[0]!;
  const constants = tf.tile(tf.reshape(p.prefix_const, [1, P, C]), [B, 1, 1]);
  let y: Tensor = tf.concat([x, constants], 1); // [B, L + P, C]
  for (const [i, parameters] of p.transformer.layers.entries()) {
    y = layer(parameters, y, heads);
    probe?.(`layer${i}`, y);
  }
  return tf.slice(y, [0, L, 0], [B, P, C]);
}

/** A pre-norm layer with attention over everything, ReLU, no dropout, and no norm after the last. */
function layer(p: LayerParams, x: Tensor, heads: number): Tensor {
  const y = tf.add(x, attention(p.attn, layerNorm(p.norm1, x), heads));
  return tf.add(y, linear(p.mlp.fc2, tf.relu(linear(p.mlp.fc1, layerNorm(p.norm2, y)))));
}

function attention(p: LayerParams['attn'], x: Tensor, heads: number): Tensor {
  const [keys, values] = tf.split(linear(p.to_keys_values, x), 2, -1);
  const attended = attend(
    splitHeads(linear(p.to_queries, x), heads),
    splitHeads(keys!, heads),
    splitHeads(values!, heads),
  );
  return linear(p.project, mergeHeads(attended));
}
