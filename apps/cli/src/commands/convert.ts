import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { artefactFolder, findArtefact, isPulled } from '@pengi/checkpoint/download';
import { formatBytes, PengiError } from '@pengi/core';
import { fileError } from '@pengi/core/node';
import { withInterrupt } from '@pengi/train';
import type { Command } from 'commander';
import { type Conversion, type ConvertOptions, convertCheckpoint, FAMILIES } from 'pengi/convert';
import { contextOf } from '../context.js';

interface ConvertFlags {
  out: string;
  family?: string;
  config?: string;
  dtype: string;
  tokenizer?: string;
  checksum?: boolean;
}

const DTYPES = { f32: 'F32', f16: 'F16', bf16: 'BF16' } as const;

export function addConvert(program: Command): void {
  program
    .command('convert')
    .description('make a model folder out of released weights (PyTorch or safetensors), without Python')
    .argument('<weights>', 'a checkpoint, a folder with one in it, or what "pengi pull" has downloaded')
    .requiredOption('--out <folder>', 'the model folder to write; replaces a model folder and nothing else')
    .option('--family <name>', `refuse other families: ${FAMILIES.join(', ')}`)
    .option('--dtype <type>', 'f32, f16 or bf16', 'f32')
    .option('--config <file>', 'JSON with fields that the shapes do not show, such as {"gpt2": {"heads": 4}}')
    .option('--tokenizer <file>', "tokenizer.json of Transformers' CLAP, if it is not beside the weights")
    .option(
      '--checksum',
      'write down the SHA-256 of the weights (always, of what "pengi pull" has downloaded)',
    )
    .addHelpText(
      'after',
      `
The family is told by the names of the tensors. Every tensor must be there and fit, or the difference is listed. Nothing that a
PyTorch file holds is run. The weights are read one by one; Ctrl-C leaves what was there before.

Examples:
  pengi convert base.pth --out models/pengi
  pengi convert msclap-2023 --out models/msclap
  pengi convert clap-htsat-unfused --out models/laion --dtype f16`,
    )
    .action(async (weights: string, flags: ConvertFlags, command: Command) => {
      const context = contextOf(command);
      const options = await optionsOf(flags);
      const { from, isPublished } = await locate(weights);
      const checksum = flags.checksum ?? isPublished;
      const result = await withInterrupt(
        (signal) =>
          convertCheckpoint(from, flags.out, { ...options, checksum, signal, progress: context.progress }),
        { warn: () => undefined }, // the error that follows says what happened
      );
      context.data(result);
      for (const line of linesOf(result)) context.say(line);
    });
}

async function optionsOf({ family, dtype, config, tokenizer }: ConvertFlags): Promise<ConvertOptions> {
  const wanted = FAMILIES.find((known) => known === family);
  if (family !== undefined && wanted === undefined)
    throw new PengiError('E_USAGE', `--family "${family}" is not known`, {
      hint: `known are ${FAMILIES.join(', ')}`,
    });
  if (!Object.hasOwn(DTYPES, dtype))
    throw new PengiError('E_USAGE', `--dtype "${dtype}" is none of ${Object.keys(DTYPES).join(', ')}`);
  return {
    dtype: DTYPES[dtype as keyof typeof DTYPES],
    ...(wanted === undefined ? {} : { family: wanted }),
    ...(tokenizer === undefined ? {} : { tokenizer }),
    ...(config === undefined ? {} : { config: await readConfig(config) }),
  };
}

async function readConfig(file: string): Promise<object> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw fileError(error, file, 'read');
  });
  let config: unknown;
  try {
    config = JSON.parse(text);
  } catch (cause) {
    throw new PengiError('E_CONFIG', 'is not valid JSON', { file, cause });
  }
  if (typeof config !== 'object' || config === null || Array.isArray(config))
    throw new PengiError('E_CONFIG', 'is no object of fields', { file });
  return config;
}

/** A path, or the folder of an artefact's name. */
async function locate(weights: string): Promise<{ from: string; isPublished: boolean }> {
  const artefact = existsSync(weights) ? undefined : findArtefact(weights);
  if (artefact === undefined) return { from: weights, isPublished: false };
  if (!(await isPulled(artefact)))
    throw new PengiError('E_NOT_FOUND', 'is not downloaded yet', {
      file: weights,
      hint: `run: pengi pull ${artefact.name}`,
    });
  return { from: artefactFolder(artefact), isPublished: true };
}

function linesOf({ title, source, weights, melBank, tied, ...result }: Conversion): string[] {
  return [
    `${title}: ${result.parameters.toLocaleString('en-US')} parameters in ${result.tensors} tensors`,
    `from     ${source.path} (${formatBytes(source.bytes)}${source.sha256 === null ? '' : `, sha256 ${source.sha256}`})`,
    ...(source.root.length > 0 ? [`read     "${source.root.join('.')}" of it`] : []),
    ...(source.stripped === null ? [] : [`names    without "${source.stripped}", which all of them had`]),
    ...(tied === null ? [] : [`tied     ${tied[0]} is ${tied[1]}, written once`]),
    ...(result.leftOut.length > 0
      ? [`left out ${result.leftOut.length} constants, buffers and other parts`]
      : []),
    ...(melBank === null ? [] : [`mel bank ${melBank.text}`]),
    `wrote    ${result.folder} (${weights.dtype.toLowerCase()}, ${formatBytes(weights.byteLength)}, sha256 ${weights.sha256})`,
    `\nNow:\n  ${nextStep(result)}`,
  ];
}

function nextStep({ family, folder }: Pick<Conversion, 'family' | 'folder'>): string {
  switch (family) {
    case 'pengi-base':
    case 'pengi-base-no-text-enc':
    case 'clapcap-2023':
      return `pengi caption dog.wav --model ${folder}`;
    case 'msclap-2023':
    case 'transformers-clap':
      return `pengi classify dog.wav --labels dog,cat --model ${folder}`;
    case 'gpt2':
      return `import { loadGpt2 } from '@pengi/gpt2'; const gpt2 = await loadGpt2('${folder}');`;
    case 'clip':
      return `pengi embed --text "a dog barks" --model ${folder}`;
  }
}
