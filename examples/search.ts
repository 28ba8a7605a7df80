// Finds recordings by a description. What was embedded once is kept in a file, so that the next search is immediate.
//   tsx search.ts CLAP FOLDER DESCRIPTION
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { openSafetensors, writeSafetensors } from '@pengi/checkpoint';
import { loadClap, nearest } from '@pengi/clap';

const [model, folder, description] = process.argv.slice(2);
if (!model || !folder || !description) throw new Error('usage: tsx search.ts CLAP FOLDER DESCRIPTION');

const clap = await loadClap(model);
const recordings = readdirSync(folder)
  .filter((name) => /\.(wav|flac|mp3|ogg|opus)$/i.test(name))
  .sort();
if (recordings.length === 0) throw new Error(`${folder} holds no recordings`);
const index = join(folder, 'embeddings.safetensors');
if (!existsSync(index)) {
  const embeddings = await clap.embedAudio(recordings.map((name) => join(folder, name)));
  // The names are part of the file, so that positions keep their meaning when the folder changes.
  await writeSafetensors(index, { embeddings }, { recordings: JSON.stringify(recordings) });
}

const file = await openSafetensors(index);
const names: string[] = JSON.parse(file.metadata.recordings!);
const [found] = nearest(await clap.embedText([description]), file.array('embeddings'), 3);
for (const { index: i, cosine } of found!) console.log(`${cosine.toFixed(3)}  ${names[i]}`);
await clap.dispose();
