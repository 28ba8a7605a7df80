/** One process from its start to the first caption; prints the ids and the peak memory. Arguments: model, file, threads. */
import { createEngine } from '@pengi/jit';
import { loadPengi } from 'pengi';
import { PROMPT, TOKENS } from './works.js';

const [model, wav, threads] = process.argv.slice(2) as [string, string, string];
const pengi = await loadPengi(model, { engine: await createEngine('jit', { threads: Number(threads) }) });
const [answer] = await pengi.generate([wav], { prompt: PROMPT, beams: 5, maxTokens: TOKENS });
console.log(JSON.stringify({ text: answer!.text, peakMiB: process.resourceUsage().maxRSS / 1024 }));
