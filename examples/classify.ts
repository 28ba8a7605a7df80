// Chooses among labels in the paper's two ways: by the text that Pengi writes, and by how likely it finds each label.
//   tsx classify.ts MODEL RECORDING LABEL LABEL …
import { loadPengi } from 'pengi';

const [model, recording, ...labels] = process.argv.slice(2);
if (!model || !recording || labels.length < 2)
  throw new Error('usage: tsx classify.ts MODEL RECORDING LABEL LABEL …');

const pengi = await loadPengi(model);
for (const method of ['textMatching', 'logLikelihood'] as const) {
  if (method === 'textMatching' && !pengi.textEncoder) continue; // base_no_text_enc has none
  const [result] = await pengi.classify([recording], labels, { method });
  console.log(method + (result!.answer === undefined ? '' : `, from the answer "${result!.answer}"`));
  for (const { label, score } of result!.labels) console.log(`  ${label.padEnd(20)} ${score.toFixed(3)}`);
}
await pengi.dispose();
