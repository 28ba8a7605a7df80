import { ints, type NdArray } from '@pengi/core';
import {
  type Gpt2Options,
  type Gpt2Params,
  gpt2Embed,
  gpt2Hidden,
  gpt2Logits,
  gpt2Params,
} from '@pengi/gpt2';
import { collectProbes } from '@pengi/nn';
import type { Tensor } from '@tensorflow/tfjs-core';
import type { Check } from '../check.js';
import { gpt2ConfigOf } from '../configs.js';
import { parseFill } from '../fill.js';
import { weightsOf } from '../golden.js';
import { TOLERANCES } from '../tolerances.js';

const { logits: LOGITS, logSumExp: LSE, loss: LOSS } = TOLERANCES.gpt2;

/** The language model: logits, hidden states and cross-entropy, on embeddings, tokens and padded batches. */
export const checkGpt2: Check = async (golden, report, engine) => {
  const { json } = golden;
  const manifest = golden.manifest();
  const config = gpt2ConfigOf(manifest.config);
  const params = gpt2Params(weightsOf(manifest), config);

  const run = (p: Gpt2Params, x: Tensor, options: Gpt2Options = {}) =>
    collectProbes((probe) => {
      const { hidden } = gpt2Hidden(p, x, config, { ...options, probe });
      return { hidden, logits: gpt2Logits(p, hidden) };
    });
  const fromEmbeddings = engine.compile((p: Gpt2Params, x: Tensor) => run(p, x), params, { prepack: false });
  const fromTokens = engine.compile((p: Gpt2Params, ids: Tensor) => run(p, gpt2Embed(p, ids)), params, {
    prepack: false,
  });

  for (const [name, input] of Object.entries<{ inputs_embeds?: string; input_ids?: number[] }>(json.inputs)) {
    const { value, probes } = input.inputs_embeds
      ? await fromEmbeddings.run(parseFill(input.inputs_embeds, manifest.salt))
      : await fromTokens.run(ints(input.input_ids!, [1, input.input_ids!.length]));
    const rowOf = (array: NdArray, position: number) => {
      const width = array.shape.at(-1)!;
      return (array.data as Float32Array).subarray(position * width, (position + 1) * width);
    };

    for (const [i, position] of Array.from(golden.tensor(`${name}/positions`).data, Number).entries()) {
      const what = `${name} position ${position}`;
      const logits = rowOf(value.logits, position);
      const stored = (key: string) => rowOf(golden.tensor(`${name}/${key}`), i);
      const topIds = Array.from(stored('top20_ids'), Number);
      report.near(
        `${what}: largest logits`,
        topIds.map((id) => logits[id]!),
        stored('top20_values'),
        LOGITS,
      );
      // Nothing else may be larger than the smallest of them.
      const others = logits.filter((_, id) => !topIds.includes(id));
      const limit = stored('top20_values').at(-1)!;
      report.number(
        `${what}: all others`,
        Math.max(0, others.reduce((a, b) => Math.max(a, b)) - limit),
        0,
        LOGITS,
      );
      report.near(`${what}: first logits`, logits.subarray(0, 16), stored('first16'), LOGITS);
      report.near(`${what}: after ln_f`, rowOf(value.hidden, position), stored('hidden_last'), LOGITS);
      const sixth = stored('hidden_6');
      report.near(
        `${what}: after block 5`,
        rowOf(probes['h.5']!, position).subarray(0, sixth.length),
        sixth,
        LOGITS,
      );
      const expected = Number(golden.tensor(`${name}/logsumexp`).data[i]);
      report.number(`${what}: logsumexp`, logSumExp(logits), expected, LSE);
    }

    if (!golden.has(`${name}/token_nll`)) continue;
    const losses = input.input_ids!.slice(1).map((id, i) => {
      const logits = rowOf(value.logits, i);
      return logSumExp(logits) - logits[id]!;
    });
    report.near(`${name}: losses`, losses, golden.tensor(`${name}/token_nll`), LOSS);
    report.number(
      `${name}: mean loss`,
      losses.reduce((a, b) => a + b) / losses.length,
      json.ce[name].mean,
      LOSS,
    );
  }

  const masked = engine.compile(
    (p: Gpt2Params, ids: Tensor, attentionMask: Tensor) =>
      run(p, gpt2Embed(p, ids), { attentionMask }).value.logits,
    params,
    { prepack: false },
  );
  const { data, shape } = await masked.run(
    golden.tensor('masked/input_ids'),
    golden.tensor('masked/attention_mask'),
  );
  const first = golden.tensor('masked/first16');
  const [B, T, V] = shape as [number, number, number];
  const firsts = Array.from({ length: B * T }, (_, i) =>
    Array.from((data as Float32Array).subarray(i * V, i * V + 16)),
  );
  report.near('masked: first logits', firsts.flat(), first, LOGITS);
  await Promise.all([fromEmbeddings, fromTokens, masked].map((program) => program.dispose()));
};

function logSumExp(values: Float32Array): number {
  const max = values.reduce((a, b) => Math.max(a, b));
  return max + Math.log(values.reduce((sum, x) => sum + Math.exp(x - max), 0));
}
