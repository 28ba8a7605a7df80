/**
 * Cuts the fixtures out of a folder of goldens: `tsx packages/parity/src/fixtures.ts [folder]`. They are the small ones,
 * with short signals in place of all, so that everyone who has the code has reference numbers for every package.
 */
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeSafetensors } from '@pengi/checkpoint';
import { openGolden } from './golden.js';

const WHOLE = [
  'fill',
  'g1-fit',
  'g2-htsat-tiny_a',
  'g3-tokenizer-clip',
  'g3-tokenizer-gpt2',
  'g5-mapper-audio_tiny',
  'g5-mapper-mlp_tiny',
  'g5-mapper-text_seq_tiny',
  'g6-beam',
  'g7-clap-tiny',
  'g7-pengi-tiny',
  'g7-schedule',
];

/** Goldens of which only some tensors are kept. */
const CUT: Record<string, RegExp> = {
  'g1-frontend':
    /^melW\/(extra|released_32000_50_14000)$|^stft\/|\/(dc|impulse|short_900|shortest_513|silence)$/,
  'g1-resample': /\/(8000|11025|22050|96000)$|^stereo\//,
};
const LARGE = ['kernel/8000', 'power/n1024/impulse', 'power/extra/impulse'];

const MANIFESTS = [
  'beam-gpt2',
  'clap-tiny',
  'htsat-tiny_a',
  'mapper-audio_tiny',
  'mapper-mlp_tiny',
  'mapper-text_seq_tiny',
  'pengi-tiny',
];

/** Metric goldens, in the folder `metrics`. */
const METRICS = [
  'm0_formula',
  'm1_tokenizer',
  'm2_captions',
  'm2_peers',
  'm3_classification',
  'm4_retrieval',
  'm5_hear_pieces',
  'm6_textmatch',
  'm7_statistics',
];
/** What only Java can compute, in minutes. */
const JAVA_SCORES = ['meteor', 'meteor_stats', 'spice', 'spider'];

const LIMIT = 2_300_000;

const source = process.argv[2] ?? process.env.PENGI_GOLDENS ?? '../shared/goldens';
const target = join(import.meta.dirname, '../fixtures/goldens');
rmSync(target, { recursive: true, force: true });
mkdirSync(join(target, 'manifests'), { recursive: true });
mkdirSync(join(target, 'metrics'));

for (const name of WHOLE)
  for (const file of readdirSync(source).filter(
    (file) => file === `${name}.json` || file === `${name}.safetensors`,
  ))
    copyFileSync(join(source, file), join(target, file));
for (const [name, kept] of Object.entries(CUT)) {
  copyFileSync(join(source, `${name}.json`), join(target, `${name}.json`));
  const golden = openGolden(source, name);
  const keys = golden.keys().filter((key) => kept.test(key) && !LARGE.includes(key));
  await writeSafetensors(
    join(target, `${name}.safetensors`),
    Object.fromEntries(keys.map((key) => [key, golden.tensor(key)])),
  );
}
for (const name of MANIFESTS)
  copyFileSync(join(source, `manifests/${name}.json`), join(target, `manifests/${name}.json`));

for (const name of METRICS) {
  const json = JSON.parse(readFileSync(join(source, `metrics/${name}.json`), 'utf8')) as unknown;
  const text = JSON.stringify(json, (key, value) => (JAVA_SCORES.includes(key) ? undefined : value));
  writeFileSync(join(target, `metrics/${name}.json`), `${text}\n`);
}

const files = readdirSync(target, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
const bytes = files.reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
console.log(`${files.length} files, ${bytes} bytes`);
if (bytes > LIMIT) throw new Error(`the fixtures may take ${LIMIT} bytes`);
