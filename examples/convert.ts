// Makes a model folder out of a released checkpoint: Pengi, msclap, clapcap, LAION's CLAP, GPT-2 or CLIP's text tower. Python
// is not needed, and nothing that the file holds is run.
//   tsx convert.ts CHECKPOINT FOLDER
import { convertCheckpoint } from 'pengi/convert';

const [checkpoint, folder] = process.argv.slice(2);
if (!checkpoint || !folder) throw new Error('usage: tsx convert.ts CHECKPOINT FOLDER');

const { title, parameters, leftOut, melBank } = await convertCheckpoint(checkpoint, folder);
console.log(`${title}: ${(parameters / 1e6).toFixed(1)} M parameters in ${folder}`);
console.log(`${leftOut.length} tensors of the file are no parameters`);
if (melBank) console.log(`mel bank: ${melBank.text}`);
