// Describes a recording, and answers a question about it.
//   tsx caption.ts MODEL RECORDING [QUESTION]
import { loadPengi } from 'pengi';

const [model, recording, question = 'what is it?'] = process.argv.slice(2);
if (!model || !recording) throw new Error('usage: tsx caption.ts MODEL RECORDING [QUESTION]');

const pengi = await loadPengi(model);
const caption = await pengi.caption(recording, { beams: 5, maxTokens: 30 });
console.log(caption.text);
for (const { text, score } of caption.alternatives)
  console.log(`  or: ${text} (${score.toFixed(2)} nats per token)`);

const answer = await pengi.ask(recording, question);
console.log(`${question} ${answer.text}`);
for (const warning of [...caption.warnings, ...answer.warnings]) console.warn(warning);
await pengi.dispose();
