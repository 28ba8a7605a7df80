/** The command from recordings to a result, on a dozen notes made here, with a narrow audio tower and two steps a stage. */
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openModelFolder, type TensorFile } from '@pengi/checkpoint';
import type { ClapConfig } from '@pengi/clap';
import type { Note } from '@pengi/datasets';
import { createEngine } from '@pengi/jit';
import type { PengiConfig } from 'pengi';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { pengi } from '../testing/command-line.js';
import { writeWav } from '../testing/models.js';
import { learnPitch } from './learn-pitch.js';
import type * as Recipes from './recipe.js';

const notes: Note[] = [];
vi.mock('@pengi/datasets', async (original) => ({
  ...(await original()),
  instrumentNotes: async () => notes,
}));
vi.mock('./recipe.js', async (original) => {
  const actual = await original<typeof Recipes>();
  const stage = (one: Recipes.Stage) => ({ ...one, steps: 2, batch: 2, warmupSteps: 1 });
  const short = ({ clap, language, pengi, ...rest }: Recipes.NoteRecipe) => ({
    ...rest,
    clap: stage(clap),
    language: stage(language),
    pengi: stage(pengi),
  });
  const narrow = <T extends ClapConfig | PengiConfig>(config: T) => ({
    ...config,
    audio: { ...config.audio, embedDim: 16, depths: [1, 1], heads: [2, 2] },
  });
  return {
    ...actual,
    NOTE_RECIPES: {
      instrument: short(actual.NOTE_RECIPES.instrument),
      pitch: short(actual.NOTE_RECIPES.pitch),
    },
    noteRecipe: (name: string) => short(actual.noteRecipe(name)),
    noteConfigs: (instruments: string[]) => {
      const { clap, pengi } = actual.noteConfigs(instruments);
      return { clap: narrow(clap), pengi: narrow(pengi) };
    },
  };
});

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pengi-quickstart-'));
  for (const instrument of ['cello', 'flute'])
    for (const pitch of [57, 60, 62, 64, 67, 69]) {
      const id = `${instrument}/${pitch}`;
      const audio = join(dir, `${instrument}-${pitch}.wav`);
      const frequency = 440 * 2 ** ((pitch - 69) / 12);
      const harmonic = instrument === 'cello' ? 2 : 5;
      const wave = Float32Array.from({ length: 16000 }, (_, n) => {
        const phase = (2 * Math.PI * frequency * n) / 16000;
        return 0.3 * Math.sin(phase) + 0.2 * Math.sin(harmonic * phase);
      });
      await writeWav(audio, wave);
      notes.push({ id, audio, instrument, package: `test-${instrument}`, pitch });
    }
});
afterAll(() => rm(dir, { recursive: true }));

const json = async (...path: string[]) => JSON.parse(await readFile(join(dir, ...path), 'utf8'));

/** Whether the audio tower below the projection is as CLAP's training left it. */
async function towerAsInClap(out: string): Promise<boolean> {
  const folders = await Promise.all(['clap', 'model'].map((name) => openModelFolder(join(dir, out, name))));
  const [clap, model] = folders.map(({ file }) => file) as [TensorFile, TensorFile];
  const names = [...clap.tensors.keys()].filter((name) => name.startsWith('audio_encoder.base.'));
  expect(names.length).toBeGreaterThan(10);
  const same = names.every((name) => Buffer.compare(clap.read(name).bytes, model.read(name).bytes) === 0);
  for (const { file } of folders) file.close();
  return same;
}

it('trains by the recipe for instruments unless told otherwise, with the audio tower frozen in the last stage', async () => {
  const { status, out } = await pengi('quickstart', '--out', join(dir, 'a'), '--json', '--threads', '1');
  expect(status).toBe(0);
  const result = await json('a', 'result.json');
  expect(JSON.parse(out)).toEqual(result);
  expect(result).toMatchObject({ recipe: 'instrument', seed: 0, heldOutNotes: 2 });
  expect(await towerAsInClap('a')).toBe(true);
}, 120_000);

it('trains the audio tower on with --recipe pitch, and tells pitch beside chance and a linear model', async () => {
  const args = ['--recipe', 'pitch', '--seed', '3', '--out', join(dir, 'b'), '--threads', '1'];
  const { status, out } = await pengi('quickstart', ...args);
  expect(status).toBe(0);
  expect(out).toMatch(/Pitch, within one semitone/);
  const result = await json('b', 'result.json');
  expect(result).toMatchObject({ recipe: 'pitch', seed: 3 });
  for (const levels of [result.chance, result.baselines]) {
    expect(levels.pitchWithinOne).toBeGreaterThanOrEqual(levels.pitch);
    expect(levels.pitch).toBeGreaterThan(0);
  }
  expect(await towerAsInClap('b')).toBe(false);
}, 120_000);

it('learnPitch gives the figures of the result it writes, and does not go on with another recipe', async () => {
  const engine = await createEngine('jit', { threads: 1 });
  const out = join(dir, 'c');
  const stopped = await learnPitch({ seed: 0, engine, out, signal: AbortSignal.abort() });
  expect(stopped).toBeUndefined();

  const { status, err } = await pengi('quickstart', '--out', out, '--threads', '1');
  expect(status).not.toBe(0);
  expect(err).toMatch(/E_CONFIG.*belongs to another run.*recipe was "pitch", now "instrument"/);

  const figures = await learnPitch({ seed: 0, engine, out });
  const { recipe, pitchAccuracy, trainSeconds } = await json('c', 'result.json');
  expect(recipe).toBe('pitch');
  expect(figures).toEqual({ ...pitchAccuracy, seconds: trainSeconds });
}, 120_000);

it.each([
  { args: ['--recipe', 'chords'], says: /there is no recipe "chords".*instrument or pitch/s },
  { args: ['--seed', 'one'], says: /--seed takes a whole number/ },
])('refuses $args', async ({ args, says }) => {
  const { status, err } = await pengi('quickstart', '--out', join(dir, 'd'), ...args);
  expect(status).toBe(2);
  expect(err).toMatch(says);
  expect(existsSync(join(dir, 'd'))).toBe(false);
});
