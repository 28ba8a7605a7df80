/**
 * `pnpm test:export [MODEL]`: parts of models as ONNX files, checked and run in Python. They must be standard and give what
 * our engine gives, at several batch sizes; the language model's parts are chained as a user would. Without MODEL, small
 * models of random weights.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openModelFolder, saveModelFolder } from '@pengi/checkpoint';
import { HTSAT_PREFIX, promptIds } from '@pengi/clap';
import { createRng, floats, type NdArray, rebuildTree } from '@pengi/core';
import { createHtsat, htsatParams } from '@pengi/htsat';
import { createEngine, type Engine } from '@pengi/jit';
import {
  EXPORT_PARTS,
  type ExportPart,
  exportPart,
  loadPengi,
  type Pengi,
  type PengiConfig,
  type PengiParams,
  pengiSpec,
  pengiTokenizer,
  SMALL_FRONTEND,
  smallConfigs,
} from 'pengi';
import { randomArray } from '../random-model.js';
import { findPython, runPython } from './python.js';

/** Largest difference relative to the largest expected value: float32, other orders of summation. */
const TOLERANCE = 2e-5;
const CLIPS = 3;
const TOKENS = 5;
const PROMPTS = ['generate audio caption', 'generate metadata', 'question: what is it?'];

const python = await findPython();
if (python === undefined) {
  console.log(
    'SKIPPED: no Python with onnx and onnxruntime, and none could be installed (is there a network?)',
  );
  process.exit(0);
}
const work = await mkdtemp(join(tmpdir(), 'pengi-export-'));
let failures = 0;
try {
  const engine = await createEngine('jit');
  const given = process.argv[2];
  const models: Record<string, string> = given === undefined ? await smallModels(work) : { given };
  for (const [name, folder] of Object.entries(models))
    for (const externalData of [false, true]) {
      const out = join(work, `${name}-${externalData}`);
      await mkdir(out);
      failures += await check(
        `${name}${externalData ? ', weights beside' : ''}`,
        folder,
        out,
        externalData,
        engine,
      );
      await rm(out, { recursive: true });
    }
} finally {
  await rm(work, { recursive: true, force: true });
}
process.exitCode = failures > 0 ? 1 : 0;

/** @returns how much is wrong */
async function check(
  title: string,
  folder: string,
  out: string,
  externalData: boolean,
  engine: Engine,
): Promise<number> {
  const pengi = await loadPengi(folder, { engine });
  try {
    const length = await writeExpected(pengi, folder, out, engine);
    for (const part of Object.keys(EXPORT_PARTS) as ExportPart[]) {
      if (part === 'clap-text' && !pengi.textEncoder) continue;
      await exportPart(folder, part, join(out, `${part}.onnx`), { externalData, length: length + 8 });
    }
  } finally {
    await pengi.dispose();
  }
  const answer = await runPython(python!, out);
  if ('problem' in answer) {
    console.log(`FAIL   ${title}: ${answer.problem}`);
    return 1;
  }
  const far = Object.entries(answer.worst).filter(([, difference]) => !(difference <= TOLERANCE));
  const largest = Math.max(...Object.values(answer.worst));
  console.log(
    `${far.length > 0 ? 'FAIL' : 'pass'}   ${title}: ${Object.keys(answer.worst).length} outputs at ${CLIPS} batch sizes, ` +
      `largest difference ${largest.toExponential(1)} (${Object.entries(answer.versions).join(', ').replaceAll(',', ' ')})`,
  );
  for (const [name, difference] of far) console.log(`       ${name}: ${difference.toExponential(1)}`);
  return far.length;
}

/** What each part must give, through the calls that users have. @returns the length of the prefix */
async function writeExpected(pengi: Pengi, folder: string, out: string, engine: Engine): Promise<number> {
  const { config, frontend } = pengi;
  const save = (name: string, array: NdArray) => writeFile(join(out, `${name}.npy`), npy(array));
  const rng = createRng(3);
  const seconds = config.frontend.durationSeconds;
  const clips = Array.from({ length: CLIPS }, (_, i) => {
    const samples = new Float32Array(Math.round(seconds * config.frontend.sampleRate));
    return samples.map((_x, t) => 0.3 * Math.sin(t * (0.05 + 0.07 * i)) + 0.1 * rng.normal());
  });
  const logMel = frontend.logMelBatch(clips);
  await save('log_mel', logMel);

  const { file } = await openModelFolder(folder);
  const htsat = createHtsat(htsatParams(file, config.audio, HTSAT_PREFIX), config.audio, engine);
  for (const [name, array] of Object.entries(await htsat.encode(logMel))) await save(name, array as NdArray);
  await htsat.dispose();

  const inputs = clips.map((samples) => ({ samples, sampleRate: config.frontend.sampleRate }));
  const audio = await pengi.embedAudio(inputs);
  await save('embedding', audio);
  if (pengi.textEncoder) {
    const ids = promptIds(pengi.textEncoder.tokenizer, PROMPTS, config.text!);
    await save('text_ids', ids);
    await save('prompt_ids', ids);
    await save('text_embedding', await pengi.embedText(PROMPTS));
  } else {
    const tokenizer = pengiTokenizer(config.gpt2);
    const { promptMapper } = config;
    const length = promptMapper.kind === 'sequence' ? promptMapper.inputLength : 0;
    const ids = PROMPTS.flatMap((prompt) => [...tokenizer.encodePrompt(prompt, { length }).ids]);
    await save('prompt_ids', { dtype: 'int32', shape: [PROMPTS.length, length], data: Int32Array.from(ids) });
  }
  const { prefixes } = await pengi.prefixes(audio, PROMPTS);
  const [length, width] = prefixes[0]!.shape as [number, number];
  await save(
    'prefix',
    stacked(
      prefixes.map(({ data }) => data),
      [length, width],
    ),
  );

  const run = await pengi.gpt2.decoder.start(prefixes, { rows: 1, maxTokens: TOKENS });
  const tokens = prefixes.map((): number[] => []);
  const logProbs = prefixes.map((): Float32Array[] => []);
  let next = run.first;
  for (let n = 0; n < TOKENS; n++) {
    for (const [g, [row]] of next.logProbs.entries()) {
      logProbs[g]!.push(row!.slice());
      tokens[g]!.push(row!.indexOf(row!.reduce((a, b) => Math.max(a, b))));
    }
    if (n < TOKENS - 1) next = await run.advance(tokens.map((ids) => [{ parent: 0, token: ids.at(-1)! }]));
  }
  await save('tokens', { dtype: 'int32', shape: [CLIPS, TOKENS], data: Int32Array.from(tokens.flat()) });
  await save('log_probs', stacked(logProbs.flat(), [config.gpt2.vocabularySize], [CLIPS, TOKENS]));
  return length;
}

function stacked(rows: readonly Float32Array[], shape: readonly number[], leading = [rows.length]): NdArray {
  const data = new Float32Array(rows.reduce((sum, row) => sum + row.length, 0));
  let at = 0;
  for (const row of rows) {
    data.set(row, at);
    at += row.length;
  }
  return floats(data, [...leading, ...shape]);
}

/** NumPy's file format, version 1.0. */
function npy({ dtype, shape, data }: NdArray): Uint8Array {
  const type = { float32: '<f4', int32: '<i4', bool: '|b1' }[dtype];
  const head = `{'descr': '${type}', 'fortran_order': False, 'shape': (${shape.map((dim) => `${dim},`).join('')}), }`;
  const padded = `${head.padEnd(Math.ceil((head.length + 11) / 64) * 64 - 11)}\n`;
  const start = Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, padded.length & 255, padded.length >> 8]);
  return Buffer.concat([
    start,
    Buffer.from(padded),
    new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  ]);
}

/** A Pengi with a text tower and one without. */
async function smallModels(dir: string): Promise<Record<string, string>> {
  const { pengi } = smallConfigs(
    { prompts: PROMPTS, answers: [...PROMPTS, 'a dog barks', 'a cat'] },
    { frontend: { ...SMALL_FRONTEND, durationSeconds: 1 } },
  );
  const noText: PengiConfig = {
    ...pengi,
    text: null,
    promptMapper: {
      kind: 'sequence',
      width: 128,
      prefixLength: 8,
      inputLength: 40,
      layers: 1,
      heads: 8,
      mlpRatio: 2,
    },
  };
  const folders: Record<string, string> = {};
  for (const [name, config] of Object.entries({ 'text tower': pengi, 'no text tower': noText })) {
    const params = rebuildTree<PengiParams<NdArray>>(pengiSpec(config), (path, { shape }) =>
      randomArray(path, shape),
    );
    folders[name] = join(dir, name.replaceAll(' ', '-'));
    await saveModelFolder(folders[name], { config, tensors: params });
  }
  return folders;
}
