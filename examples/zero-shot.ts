// Labels for a recording by a CLAP alone: no language model is loaded.
//   tsx zero-shot.ts CLAP RECORDING LABEL LABEL …
import { loadClap } from '@pengi/clap';

const [model, recording, ...labels] = process.argv.slice(2);
if (!model || !recording || labels.length < 2)
  throw new Error('usage: tsx zero-shot.ts CLAP RECORDING LABEL LABEL …');

const clap = await loadClap(model);
const [scores] = await clap.zeroShot([recording], labels, { template: 'this is a sound of {}' });
for (const { label, probability, cosine } of scores!)
  console.log(`${(100 * probability).toFixed(1).padStart(5)} %  ${label} (cosine ${cosine.toFixed(3)})`);
await clap.dispose();
