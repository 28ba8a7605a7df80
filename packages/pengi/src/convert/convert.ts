import { realpath } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { FrontendConfig } from '@pengi/audio-frontend';
import { saveModelFolder, stripCommonPrefix, type TensorSource, type WrittenFile } from '@pengi/checkpoint';
import type { CheckpointFamily } from '@pengi/checkpoint/download';
import { robertaTokenizer, type TransformersClapConfig } from '@pengi/clap';
import { flatten, type NdArray, PengiError, type StartProgress, silentProgress, sizeOf } from '@pengi/core';
import { cardOf } from './card.js';
import { configOf } from './config.js';
import { type Digest, digestOf } from './digest.js';
import { FAMILY, type Family } from './families.js';
import { lazySource, renamed, watched } from './lazy.js';
import { checkStftKernels, examineMelBank, MEL_BANK, type MelBankReport } from './mel-bank.js';
import { type OpenedWeights, openWeights, readJson } from './open-weights.js';
import { recognise, titleOf } from './recognise.js';
import { shapesOf } from './shapes.js';
import { checkTie } from './ties.js';

export interface ConvertOptions {
  /** What the checkpoint is taken for; another one is then an error. Default: what its names show. */
  family?: CheckpointFamily;
  /** Fields of the config that are not as the shapes and the released models have them, such as `{gpt2: {heads: 4}}`. */
  config?: object;
  /** What float tensors are rounded to; default F32. */
  dtype?: 'F32' | 'F16' | 'BF16';
  /** The file of the model's tokenizer, for families that need one; default: tokenizer.json beside the weights. */
  tokenizer?: string;
  /**
   * Whether the SHA-256 of the source goes to the result and the card, which also names the published file of that checksum.
   * Takes as long as converting does, beside it. Default: false.
   */
  checksum?: boolean;
  /** Stops the work; what was there before stays. */
  signal?: AbortSignal;
  progress?: StartProgress;
}

export interface Conversion {
  readonly family: CheckpointFamily;
  readonly title: string;
  readonly folder: string;
  readonly source: {
    readonly path: string;
    readonly bytes: number;
    /** Null unless it was asked for. */
    readonly sha256: string | null;
    /** The dictionary of a PyTorch file that the weights are from. */
    readonly root: readonly string[];
    /** What every name began with, if it was taken off. */
    readonly stripped: 'module.' | null;
  };
  readonly weights: WrittenFile & { readonly dtype: 'F32' | 'F16' | 'BF16' };
  readonly tensors: number;
  readonly parameters: number;
  /** Names of the file, as it has them, that are not written: constants, buffers, what a part is not wanted of. */
  readonly leftOut: readonly string[];
  /** The names of one matrix that is written once: GPT-2's output layer and embedding. */
  readonly tied: readonly [string, string] | null;
  /** Null for families whose files hold none. */
  readonly melBank: MelBankReport | null;
  readonly config: object;
}

/**
 * Makes a model folder out of a released checkpoint: a file, or a folder with one in it. The folder appears complete or not
 * at all. One tensor is in memory at a time.
 * @throws PengiError E_NOT_FOUND, E_IO, E_CHECKPOINT (no checkpoint, no known family, another one than wanted), E_CONFIG,
 *   E_WEIGHTS with a diff, E_ST_HEADER, E_ST_TENSOR, E_CANNOT_CREATE, E_DISK_FULL, and the reason of `signal`
 */
export async function convertCheckpoint(
  from: string,
  folder: string,
  options: ConvertOptions = {},
): Promise<Conversion> {
  const opened = await openWeights(from);
  try {
    await refuseOwnFolder(opened, folder);
    const plan = await planOf(opened, options);
    return await write(opened, plan, folder, options);
  } finally {
    opened.source.close();
  }
}

/** What is to be written; made of shapes and small tensors. */
interface Plan {
  readonly family: CheckpointFamily;
  readonly stripped: 'module.' | null;
  readonly config: object;
  readonly tensors: Readonly<Record<string, NdArray>>;
  readonly leftOut: readonly string[];
  readonly tied: readonly [string, string] | null;
  readonly melBank: MelBankReport | null;
  readonly tokenizer: object | undefined;
}

async function planOf(opened: OpenedWeights, options: ConvertOptions): Promise<Plan> {
  const { source, path } = opened;
  const names = [...source.tensors.keys()];
  const strip = stripCommonPrefix(names);
  const plain = renamed(source, strip);
  const id = recognise([...plain.tensors.keys()], options.family, path);
  const family = FAMILY[id];
  const beside = {
    config: await opened.json('config.json'),
    preprocessor: await opened.json('preprocessor_config.json'),
    file: opened.folder,
  };
  const derived = configOf(family, shapesOf(plain.tensors), beside, options.config, path);
  const taken = new Set<string>();
  const lazy = lazySource(plain, path, taken);
  const tensors = flatten(family.params(lazy, derived)); // strict: whatever does not fit is an error now
  const tied = checkTie(plain, path);
  const { config, melBank } = withMelBank(derived, family, plain, path);
  if (melBank !== null) tensors[family.htsat + MEL_BANK] = lazy.array(family.htsat + MEL_BANK);
  return {
    family: id,
    stripped: names.some((name) => strip(name) !== name) ? 'module.' : null,
    config,
    tensors,
    leftOut: names.filter((name) => !taken.has(strip(name)) && !tied?.includes(strip(name))),
    tied,
    melBank,
    tokenizer:
      family.tokenizer && (await tokenizerOf(opened, options.tokenizer, config as TransformersClapConfig)),
  };
}

async function write(
  { path, bytes, root }: OpenedWeights,
  { stripped, tokenizer, ...plan }: Plan,
  folder: string,
  { dtype = 'F32', progress = silentProgress, signal, checksum = false }: ConvertOptions,
): Promise<Conversion> {
  const { family, config, melBank } = plan;
  const parameters = Object.values(plan.tensors).reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  const bar = progress(`converting ${titleOf(family)}`);
  const tensors = watched(plan.tensors, (done) => {
    signal?.throwIfAborted();
    bar.update(mib(done), mib(4 * parameters), 'MiB');
  });
  const digest = checksum ? digestOf(path, bytes) : NO_DIGEST;
  const card = digest.sha256.then((sha256) => cardOf(family, { path, bytes, sha256 }, dtype, melBank));
  card.catch(() => undefined); // counts when it is waited for
  try {
    const weights = await saveModelFolder(
      folder,
      {
        config,
        tensors,
        ...(tokenizer === undefined ? {} : { tokenizer }),
        card,
      },
      { dtype },
    );
    bar.end();
    return {
      ...plan,
      title: titleOf(family),
      folder,
      source: { path, bytes, sha256: await digest.sha256, root, stripped },
      weights: { ...weights, dtype },
      tensors: Object.keys(tensors).length,
      parameters,
    };
  } finally {
    await digest.stop();
  }
}

const NO_DIGEST: Digest<null> = { sha256: Promise.resolve(null), stop: async () => undefined };

/** The config with the settings of the file's own mel bank, where they can be told. */
function withMelBank(
  config: object,
  { htsat }: Family,
  source: TensorSource,
  file: string,
): { config: object; melBank: MelBankReport | null } {
  if (htsat === undefined) return { config, melBank: null };
  const { frontend } = config as { frontend: FrontendConfig };
  checkStftKernels(source, htsat, frontend.fftSize, file);
  const melBank = examineMelBank(source, htsat, frontend, file);
  return { config: { ...config, frontend: { ...frontend, ...melBank?.computed } }, melBank };
}

/** tokenizer.json, once it is known to fit the config. */
async function tokenizerOf(
  opened: OpenedWeights,
  given: string | undefined,
  { text }: TransformersClapConfig,
): Promise<object> {
  const file = given ?? join(opened.folder, 'tokenizer.json');
  const json = given === undefined ? await opened.json('tokenizer.json') : await readJson(given);
  if (json === undefined)
    throw new PengiError('E_NOT_FOUND', 'the tokenizer of this model is missing', {
      file,
      hint: 'put its tokenizer.json beside the weights, or name it with --tokenizer FILE',
    });
  robertaTokenizer(json, text, { file });
  return json as object;
}

/** Saving replaces a model folder as a whole: the one that is being read would be lost. */
async function refuseOwnFolder(opened: OpenedWeights, folder: string): Promise<void> {
  const target = await realpath(folder).catch(() => resolve(folder));
  if (target === opened.folder)
    throw new PengiError('E_USAGE', 'the folder to write is the one to read from', {
      file: folder,
      hint: 'name another folder with --out',
    });
}

function mib(bytes: number): number {
  return Math.round(bytes / 2 ** 20);
}
