import { flatten, type NdArray, sizeOf } from '@pengi/core';
import { valueAndGrad } from '@pengi/nn';
import { type MapperConfig, type MapperParams, mapPrefix, mapperParams } from '@pengi/prefix-mapper';
import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { Check } from '../check.js';
import { fill, parseFill } from '../fill.js';
import { type Golden, type Json, weightsOf } from '../golden.js';
import { nearSummary } from '../report.js';
import { TOLERANCES } from '../tolerances.js';

const { output: OUTPUT, gradients: GRADIENTS } = TOLERANCES.mapper;

/** Mapping networks: output and gradients. */
export const checkMapper: Check = async (golden, report, engine) => {
  const { json } = golden;
  const manifest = golden.manifest();
  const config = configOf(json.config);
  const params = mapperParams(weightsOf(manifest), config);

  const { fill: name, shape, scale, offset, salt = manifest.salt } = json.input;
  const input = fill(salt, name, shape, scale, offset);
  if (golden.has('input')) report.near('input', input, golden.tensor('input'), 0);

  const program = engine.compile((p: MapperParams, x: Tensor) => mapPrefix(p, x, config), params);
  const output = await program.run(input);
  nearSummary(report, 'output', output, json.output, OUTPUT);
  compareStored(golden, output, (what, actual, expected) => report.near(what, actual, expected, OUTPUT));

  if (json.gradients) {
    const probe = parseFill(json.gradients.probe, manifest.salt);
    const backward = engine.compile((_w: object, p: MapperParams, x: Tensor, weights: Tensor) => {
      const { loss, grads } = valueAndGrad((q) => {
        const y = mapPrefix(q as MapperParams, x, config);
        return tf.sum(tf.mul(tf.reshape(y, weights.shape), weights)) as Scalar;
      }, p);
      return { loss, grads };
    }, {});
    const { loss, grads } = await backward.run(params, input, probe);
    report.number('loss', Number(loss.data[0]), json.gradients.loss, OUTPUT * Math.sqrt(sizeOf(probe.shape)));
    const byName = flatten<NdArray>(grads as never);
    for (const [path, l2] of Object.entries<number>(json.gradients.l2))
      report.number(
        `gradient of ${path}`,
        Math.hypot(...(byName[path]!.data as Float32Array)),
        l2,
        GRADIENTS * l2,
      );
  }
};

/** A golden stores the output, some of its rows, or every 16th value. */
function compareStored(
  golden: Golden,
  { data, shape }: NdArray,
  compare: (what: string, actual: number[], expected: NdArray) => void,
): void {
  const values = Array.from(data as Float32Array);
  const width = shape.at(-1)!;
  for (const key of golden.keys()) {
    const what: string = golden.json.keys[key].what;
    if (key === 'output') compare(key, values, golden.tensor(key));
    else if (key === 'output_rows') {
      const rows: number[] = JSON.parse(/\[:, (\[[\d,]+\])/.exec(what)![1]!);
      const [B, P] = [shape[0]!, shape[1]!];
      const picked = Array.from({ length: B }, (_, b) =>
        rows.flatMap((row) => values.slice((b * P + row) * width, (b * P + row + 1) * width)),
      );
      compare(key, picked.flat(), golden.tensor(key));
    } else if (key === 'output_every_16th') {
      const perClip = sizeOf(shape) / shape[0]!;
      compare(
        key,
        values.filter((_, i) => (i % perClip) % 16 === 0),
        golden.tensor(key),
      );
    }
  }
}

/** From the reference's class and constructor: (dim_clip, dim_embedding, prefix_length, clip_length, num_layers) or MLP sizes. */
export function configOf({ class: kind, constructor: args, heads, mlp_ratio: mlpRatio }: Json): MapperConfig {
  if (kind === 'MLP') {
    const [inputs, hidden, outputs] = args[0] as [number, number, number];
    // The MLP does not know its prefix; one vector of everything is the same numbers.
    return { kind: 'mlp', inputs, hidden, width: outputs, prefixLength: 1 };
  }
  const [inputs, width, prefixLength, inputLength, layers] = args as [number, number, number, number, number];
  const transformer = { width, prefixLength, inputLength, layers, heads, mlpRatio };
  if (kind === 'TransformerMapper') return { kind: 'transformer', inputs, ...transformer };
  if (kind === 'TransformerMapperSeq') return { kind: 'sequence', ...transformer };
  throw new Error(`an unknown class of mapper: ${kind}`);
}
