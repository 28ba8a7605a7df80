import { floats } from '@pengi/core';
import { createGpt2, gpt2Params } from '@pengi/gpt2';
import type { Check } from '../check.js';
import { gpt2ConfigOf } from '../configs.js';
import { fill } from '../fill.js';
import { weightsOf } from '../golden.js';
import { TOLERANCES } from '../tolerances.js';

/** Beam searches on small models, all kinds of stopping: tokens, lengths and order exactly, scores nearly. */
export const checkBeam: Check = async (golden, report, engine) => {
  const manifest = golden.manifest();
  const config = gpt2ConfigOf(manifest.config);
  for (const search of golden.json.cases) {
    const what = `case ${search.case}`;
    const params = gpt2Params(weightsOf(manifest, `${manifest.salt}/beam-${search.model}`), config);
    const { fill: name, salt, shape, scale, offset } = search.embeds;
    const embeddings = fill(salt ?? manifest.salt, name, shape, scale, offset);
    const model = createGpt2(params, config, engine);
    const [texts] = await model.generate([floats(embeddings.data, shape.slice(1))], {
      beams: search.beam_size,
      maxTokens: search.entry_length,
      temperature: search.temperature,
      stopToken: search.stop_token_index,
    });
    await model.dispose();

    const key = `case${String(search.case).padStart(2, '0')}`;
    const tokens = golden.tensor(`${key}/tokens`);
    const scores = golden.tensor(`${key}/scores`).data as Float32Array;
    const longest = tokens.shape[1]!;
    // The golden's beams are in the order of the algorithm; ours are sorted.
    const expected = (search.order as number[]).map((beam) =>
      Array.from(tokens.data.subarray(beam * longest, beam * longest + search.lengths[beam]), Number),
    );
    report.equal(
      `${what}: tokens`,
      texts!.map(({ ids }) => ids),
      expected,
    );
    report.near(
      `${what}: scores`,
      texts!.map(({ score }) => score),
      search.order.map((beam: number) => scores[beam]),
      TOLERANCES.beam.score,
    );
  }
};
