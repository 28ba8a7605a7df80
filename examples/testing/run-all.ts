// `pnpm test:examples`: runs each example as a reader would, on small models of random weights, and looks at what it prints.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeModels } from './make-models.js';

const examples = join(dirname(fileURLToPath(import.meta.url)), '..');
const dir = mkdtempSync(join(tmpdir(), 'pengi-examples-'));
const at = (name: string) => join(dir, name);
const recording = at('recordings/low.wav');

/** The arguments of each example, and what a right output looks like. */
const RUNS: Record<string, { args: string[]; prints: RegExp }> = {
  'caption.ts': { args: [at('pengi'), recording], prints: /^what is it\? \w/m },
  'classify.ts': {
    args: [at('pengi'), recording, 'a dog', 'a cat'],
    prints: /textMatching[\s\S]*a (dog|cat) +-?\d[\s\S]*logLikelihood[\s\S]*a (dog|cat) +-\d/,
  },
  'convert.ts': { args: [at('gpt2.safetensors'), at('gpt2')], prints: /^GPT-2.* 3\.\d M parameters/ },
  'log-mel.ts': { args: [recording], prints: /^965 frames, 64 mel bands\nbands 0 to 7: -?\d/ },
  'predictor.ts': {
    args: [at('data'), 'random'],
    prints: /^esc50 +accuracy \(zero-shot\) +[01]\.\d{4} .* 2 \/ 2000 +0\.0200 .* 0\.9195/m,
  },
  'search.ts': { args: [at('clap'), at('recordings'), 'a dog'], prints: /^-?\d\.\d+ {2}(low|high)\.wav$/m },
  'zero-shot.ts': {
    args: [at('clap'), recording, 'a dog', 'a cat'],
    prints: /\d\.\d % {2}a (dog|cat) \(cosine/,
  },
};

try {
  const files = readdirSync(examples).filter((name) => name.endsWith('.ts'));
  const forgotten = files.filter((name) => !(name in RUNS));
  if (forgotten.length > 0) throw new Error(`not run: ${forgotten.join(', ')}`);
  await makeModels(dir);
  for (const [name, { args, prints }] of Object.entries(RUNS)) {
    const output = execFileSync(process.execPath, ['--import', 'tsx', join(examples, name), ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    if (!prints.test(output)) throw new Error(`${name} printed\n${output}\nwhere ${prints} was expected`);
    console.log(`${name}: ${output.trim().split('\n').length} lines`);
  }
  console.log(`examples: ${files.length} run`);
} finally {
  rmSync(dir, { recursive: true, force: true });
}
