/** `pengi quickstart`: recordings to a trained model with a report, in one go. */
import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { summaryRow, summaryTable } from '@pengi/bench';
import { saveModelFolder } from '@pengi/checkpoint';
import { loadClap } from '@pengi/clap';
import { writeFileAtomic } from '@pengi/core/node';
import type { TrainResult } from '@pengi/train';
import { loadPengi } from 'pengi';
import type { Context } from '../context.js';
import { watched } from '../train/watch.js';
import { ownVersion } from '../versions.js';
import { loadNotes } from './data.js';
import { evaluate, examplesOf, type NoteRecords, predictorOf } from './evaluate.js';
import { type NoteRecipe, noteConfigs } from './recipe.js';
import { writeReport } from './report.js';
import { type StageOptions, trainClap, trainLanguage, trainPengi } from './stages.js';

export interface QuickstartOptions {
  recipe: NoteRecipe;
  seed: number;
  /** Where everything goes. */
  out: string;
  signal: AbortSignal;
}

/** What `quickstart/result.json` holds. */
export interface QuickstartResult {
  recipe: string;
  seed: number;
  instruments: string[];
  heldOutNotes: number;
  instrumentAccuracy: number;
  registerAccuracy: number;
  zeroShotAccuracy: number;
  pitchAccuracy: { exact: number; withinOne: number };
  chance: ByTask;
  baselines: ByTask;
  /** null when the command was not started by `npm run quickstart`, which installs first. */
  installSeconds: number | null;
  trainSeconds: number;
  totalSeconds: number;
  peakRssMiB: number;
}

type ByTask = Record<'instrument' | 'register' | 'pitch' | 'pitchWithinOne' | 'zeroShot', number>;

/** How many held-out recordings Pengi is asked about while it is trained. */
const ASKED = 3;

/** How many held-out recordings are shown. */
const EXAMPLES = 10;

/** @returns undefined when interrupted: the next call goes on where this one stopped */
export async function quickstart(
  context: Context,
  options: QuickstartOptions,
): Promise<QuickstartResult | undefined> {
  const launched = launchFacts();
  const { recipe, seed, out, signal } = options;
  const resultFile = join(out, 'result.json');
  const runs = join(out, 'runs');
  // A finished quickstart is done again from the start, an unfinished one goes on.
  if (existsSync(resultFile))
    await Promise.all([runs, resultFile].map((path) => rm(path, { recursive: true })));
  await mkdir(runs, { recursive: true });

  context.say('1/5  Recordings of notes: decoding, log-mels at seven speeds');
  const data = await loadNotes({ seed, cacheDir: join(out, 'cache'), progress: context.progress });
  const { training, heldOut, instruments } = data;
  context.say(
    `     ${instruments.length} instruments, ${training.length} notes to train on, ${heldOut.length} held out`,
  );

  const configs = noteConfigs(instruments);
  const engine = await context.engine();
  const stage = <P>(
    name: string,
    title: string,
    work: (options: StageOptions) => Promise<TrainResult<P>>,
  ) => {
    const dir = join(runs, name);
    const { warn } = context;
    return watched(context, { dir, title }, (watching) =>
      work({ engine, recipe, seed, signal, dir, warn, ...watching }),
    );
  };
  const stages: TrainResult<unknown>[] = [];

  context.say('2/5  CLAP: audio and captions into one space');
  const clap = await stage('clap', 'CLAP', (options) => trainClap(training, configs.clap, options));
  if (clap.interrupted) return undefined;
  stages.push(clap);
  const clapFolder = join(out, 'clap');
  await saveModelFolder(clapFolder, {
    config: configs.clap,
    tensors: clap.params,
    card: card('CLAP', instruments),
  });

  context.say('3/5  A language model on what is said about notes; it is frozen afterwards');
  const language = await stage('language', 'language model', (options) =>
    trainLanguage(training, configs.pengi, options),
  );
  if (language.interrupted) return undefined;
  stages.push(language);

  context.say('4/5  Pengi: audio and prompts become a prefix of the language model');
  const parts = { clap: clap.params, language: language.params };
  const asked = examplesOf(heldOut, ASKED);
  const trained = await stage('pengi', 'Pengi', (options) =>
    trainPengi(training, configs.pengi, parts, { ...options, asked }),
  );
  if (trained.interrupted) return undefined;
  stages.push(trained);
  const model = join(out, 'model');
  const saved = await saveModelFolder(model, {
    config: configs.pengi,
    tensors: trained.params,
    card: card('Pengi', instruments),
  });

  context.say('5/5  Held-out recordings');
  // From here on everything is as a user has it: the models are loaded from their folders, the recordings from files.
  const models = { pengi: await loadPengi(model, { engine }), clap: await loadClap(clapFolder, { engine }) };
  const provenance = {
    weightsSha256: saved.sha256,
    engine: engine.description,
    seed,
    version: ownVersion(),
  };
  const predictor = predictorOf(models.pengi, models.clap);
  const records = await evaluate(data, predictor, { provenance, progress: context.progress });
  const examples = examplesOf(heldOut, EXAMPLES);
  const captions = await models.pengi.generate(
    examples.map(({ audio }) => audio),
    { maxTokens: 24 },
  );

  context.say(`\n${summaryTable(Object.values(records).map(summaryRow))}\n`);
  for (const [i, note] of examples.entries()) context.say(`${note.id.padEnd(22)} ${captions[i]!.text}`);

  await writeReport(join(out, 'report.html'), { data, records, examples, captions, stages, provenance });
  const result: QuickstartResult = {
    recipe: recipe.name,
    seed,
    instruments,
    heldOutNotes: heldOut.length,
    ...scores(records),
    installSeconds: launched.installSeconds,
    trainSeconds: rounded(stages.reduce((sum, { seconds }) => sum + seconds, 0)),
    totalSeconds: rounded((Date.now() - launched.startedAt) / 1000),
    peakRssMiB: await peakRssMiB(launched),
  };
  await writeFileAtomic(resultFile, `${JSON.stringify(result, null, 2)}\n`);
  await Promise.all([models.pengi.dispose(), models.clap.dispose()]);
  return result;
}

/** What `npm run quickstart` (scripts/quickstart.mjs) tells about what it did before: it installs, then starts this. */
function launchFacts() {
  const { PENGI_INSTALL_SECONDS: install, PENGI_STARTED_AT: started } = process.env;
  return {
    installSeconds: install === undefined ? null : Number(install),
    startedAt: started === undefined ? Date.now() : Number(started),
    watched: started !== undefined,
  };
}

/** Of the whole process tree, when the launcher watches it; else of this process. */
function peakRssMiB({ watched }: { watched: boolean }): Promise<number> {
  if (!watched || !process.send) return Promise.resolve(Math.round(process.resourceUsage().maxRSS / 1024));
  return new Promise((resolve) => {
    process.once('message', (reply: { peakRssMiB: number }) => {
      process.disconnect(); // or the open channel would keep the process alive
      resolve(reply.peakRssMiB);
    });
    process.send!({ ask: 'peakRssMiB' });
  });
}

function card(kind: string, instruments: readonly string[]) {
  return {
    title: `${kind}, trained by the quickstart`,
    text: `A small model that knows notes of ${instruments.join(', ')}, and the words for them.`,
    licence: 'The recordings it learnt from are CC BY 3.0 (npm packages tonejs-instrument-*-mp3).',
  };
}

function scores(records: NoteRecords) {
  const { instrument, register, pitch, pitchWithinOne, zeroShot } = records;
  const byTask = (value: (record: NoteRecords['pitch']) => number): ByTask => ({
    instrument: value(instrument),
    register: value(register),
    pitch: value(pitch),
    pitchWithinOne: value(pitchWithinOne),
    zeroShot: value(zeroShot),
  });
  return {
    instrumentAccuracy: instrument.value,
    registerAccuracy: register.value,
    zeroShotAccuracy: zeroShot.value,
    pitchAccuracy: { exact: pitch.value, withinOne: pitchWithinOne.value },
    chance: byTask(({ chance }) => chance?.random ?? 0),
    baselines: byTask(({ baselines }) => baselines[0]?.value ?? 0),
  };
}

function rounded(seconds: number): number {
  return Math.round(seconds * 10) / 10;
}
