import { mergeParameters } from '@pengi/checkpoint';
import { type ClipTextConfig, clipText, clipTextSpec, createClipTokenizer } from '@pengi/clap';
import { ints, type NdArray } from '@pengi/core';
import { createGpt2Tokenizer } from '@pengi/gpt2';
import { collectProbes, linear, linearNoBiasSpec, type ParamsOf } from '@pengi/nn';
import type { Tensor } from '@tensorflow/tfjs-core';
import type { Check } from '../check.js';
import { clipTextConfigOf } from '../configs.js';
import { weightsOf } from '../golden.js';
import { TOLERANCES } from '../tolerances.js';

/** CLIP's tokenizer, every case exactly. */
export const checkClipTokenizer: Check = async ({ json }, report) => {
  const tokenizer = createClipTokenizer();
  report.equal('start', tokenizer.start, json.special.start);
  report.equal('end', tokenizer.end, json.special.end);
  for (const { text, ids, tokens, padded40, mask40, decoded } of json.cases) {
    const what = JSON.stringify(text).slice(0, 40);
    report.equal(`${what}: ids`, tokenizer.encode(text), ids);
    report.equal(`${what}: tokens`, tokenizer.tokens(text), tokens);
    const prompt = tokenizer.encodePrompt(text, padded40.length);
    report.equal(`${what}: prompt`, [...prompt.ids], padded40);
    report.equal(`${what}: mask`, [...prompt.mask], mask40);
    report.equal(`${what}: decoded`, tokenizer.decode(ids), decoded);
  }
};

/** GPT-2's tokenizer, every case exactly, with the wrapper's pad token where it differs. */
export const checkGpt2Tokenizer: Check = async ({ json }, report) => {
  const plain = createGpt2Tokenizer();
  const quirk = createGpt2Tokenizer({ padQuirk: true });
  report.equal('stop token', plain.encode(json.stop_token.text), json.stop_token.ids);
  report.equal('used by beam search', plain.releasedStop, json.stop_token.used_by_beam_search);
  for (const {
    text,
    ids,
    ids_with_pad_token,
    decoded,
    decoded_cleaned,
    prompt40,
    prompt_mask40,
  } of json.cases) {
    const what = JSON.stringify(text).slice(0, 40);
    report.equal(`${what}: ids`, plain.encode(text), ids);
    report.equal(`${what}: with pad token`, quirk.encode(text), ids_with_pad_token ?? ids);
    report.equal(`${what}: decoded`, plain.decode(ids), decoded);
    report.equal(`${what}: cleaned`, plain.decode(ids, { cleanUp: true }), decoded_cleaned);
    const prompt = quirk.encodePrompt(text, { length: prompt40.length });
    report.equal(`${what}: prompt`, [...prompt.ids], prompt40);
    report.equal(`${what}: mask`, [...prompt.mask], prompt_mask40);
  }
  for (const { ids, decoded, decoded_cleaned } of json.decode_cases) {
    report.equal(`${ids}: decoded`, plain.decode(ids), decoded);
    report.equal(`${ids}: cleaned`, plain.decode(ids, { cleanUp: true }), decoded_cleaned);
  }
};

/** CLIP's text tower: pooled and projected, and hidden states, padding included. */
export const checkClipText: Check = async (golden, report, engine) => {
  const manifest = golden.manifest();
  const config = clipTextConfigOf(manifest.config);
  const spec = towerSpec(config);
  const params = mergeParameters(spec, weightsOf(manifest));
  const tokenizer = createClipTokenizer();
  const prompts: string[] = golden.json.prompts;
  const length = golden.tensor('input_ids').shape[1]!;
  const ids = prompts.flatMap((text) => [...tokenizer.encodePrompt(text, length).ids]);
  report.equal('input ids', ids, Array.from(golden.tensor('input_ids').data, Number));
  const mask = prompts.flatMap((text) => [...tokenizer.encodePrompt(text, length).mask]);
  report.equal('attention mask', mask, Array.from(golden.tensor('attention_mask').data, Number));

  const program = engine.compile(
    (p: ParamsOf<typeof spec>, tokens: Tensor, attentionMask: Tensor) =>
      collectProbes((probe) => {
        const { hidden, pooled } = clipText(p.text_model, tokens, config, { attentionMask, probe });
        return { hidden, pooled, projected: linear(p.text_projection, pooled) };
      }),
    params,
    { prepack: false },
  );
  const shape = [prompts.length, length];
  const { value, probes } = await program.run(ints(ids, shape), ints(mask, shape));
  const { output } = TOLERANCES.clipText;
  report.near('pooled', value.pooled, golden.tensor('pooled'), output);
  report.near('projected', value.projected, golden.tensor('projected'), output);
  report.near(
    'after the first layer',
    corner(probes['layers.0']!, golden.tensor('hidden_after_1')),
    golden.tensor('hidden_after_1'),
    output,
  );
  report.near(
    'last hidden',
    corner(value.hidden, golden.tensor('last_hidden')),
    golden.tensor('last_hidden'),
    output,
  );
  await program.dispose();
};

function towerSpec(config: ClipTextConfig) {
  return {
    text_model: clipTextSpec(config),
    text_projection: linearNoBiasSpec(config.width, config.projection),
  };
}

/** The first values of each row of the first prompt, as many as are stored. */
function corner({ data, shape }: NdArray, { shape: [rows, width] }: NdArray): number[] {
  const channels = shape[2]!;
  return Array.from({ length: rows! }, (_, t) =>
    Array.from((data as Float32Array).subarray(t * channels, t * channels + width!)),
  ).flat();
}
