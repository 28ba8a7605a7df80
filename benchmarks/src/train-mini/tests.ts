/** What a model trained on the mini data is tested on: recordings that were not trained on. */
import { createFrontend, type FrontendConfig } from '@pengi/audio-frontend';
import { fitLinear, fitNearestCentroid, logMelStatistics } from '@pengi/bench';
import { type Clap, nearest } from '@pengi/clap';
import { findRecipe } from '@pengi/cli';
import { dataSet, inWords, PROMPTS } from '@pengi/datasets';
import type { Pengi } from 'pengi';

interface Clip {
  audio: string;
  label: string;
}

export interface MiniTest {
  id: string;
  /** The source of the recipes that trains it. */
  source: 'esc50' | 'digits' | 'nsynth';
  split: string;
  prompt: string;
  /** All that can be the answer. */
  labels: string[];
  clips: Clip[];
  /** What was trained on, for the baselines. */
  training: Clip[];
  /** The label in a generated answer. */
  labelOf(answer: string): string;
}

export async function miniTests(root: string): Promise<MiniTest[]> {
  const esc = await dataSet('esc50').read(root, {});
  const escClips = (isTest: boolean) =>
    esc.items
      .filter(({ fold }) => (fold === 5) === isTest)
      .map(({ audio, labels }): Clip => ({ audio, label: inWords(labels![0]!) }));
  const { prompts, wording } = digitsOf();
  const digits = async (split: string) =>
    (await dataSet('fsdd').read(root, { split })).items.map(
      ({ audio, labels }): Clip => ({ audio, label: wording[labels![0]!]! }),
    );
  const notes = async (...split: string[]) =>
    (await dataSet('nsynth').read(root, { split })).items.map(
      ({ audio, note }): Clip => ({ audio, label: inWords(note!.family) }),
    );
  const whole = (answer: string) => answer.trim();
  const family = (answer: string) => /^produced by ([^,]+)/.exec(answer.trim())?.[1] ?? '';
  const trainNotes = await notes('train');
  const tests: Omit<MiniTest, 'labels'>[] = [
    {
      id: 'esc50',
      source: 'esc50',
      split: 'fold 5',
      prompt: PROMPTS.events,
      clips: escClips(true),
      training: escClips(false),
      labelOf: whole,
    },
    {
      id: 'digits',
      source: 'digits',
      split: 'test',
      prompt: prompts[0]!,
      clips: await digits('test'),
      training: await digits('train'),
      labelOf: whole,
    },
    ...(['valid+test', 'test'] as const).map((split) => ({
      id: 'nsynth-family',
      source: 'nsynth' as const,
      split,
      prompt: PROMPTS.note,
      clips: [] as Clip[],
      training: trainNotes,
      labelOf: family,
    })),
  ];
  for (const test of tests) if (test.source === 'nsynth') test.clips = await notes(...test.split.split('+'));
  return tests.map((test) => ({
    ...test,
    labels: [...new Set([...test.training, ...test.clips].map(({ label }) => label))].sort(),
  }));
}

/** How the recipes ask for digits. */
function digitsOf() {
  const { digits } = findRecipe('mini-clap').config.data.sources as unknown as {
    digits: { prompts: string[]; wording: Record<string, string> };
  };
  return digits;
}

/** All of a recording is heard: the embeddings of its windows are averaged. */
const WHOLE = { pool: 'mean' } as const;

/** The share that is right of what CLAP finds most similar to "this is a sound of …". */
export async function zeroShot(clap: Clap, { clips, labels }: MiniTest): Promise<number> {
  const audio = await clap.embedAudio(
    clips.map((clip) => clip.audio),
    WHOLE,
  );
  const text = await clap.embedText(labels.map((label) => `${PROMPTS.events} ${label}`));
  const found = nearest(audio, text, 1);
  return share(clips, (i) => labels[found[i]![0]!.index]!);
}

/** The share of generated answers that say the label, by greedy search. */
export async function generated(pengi: Pengi, { clips, prompt, labelOf }: MiniTest): Promise<number> {
  const answers = await pengi.generate(
    clips.map(({ audio }) => audio),
    { prompt, beams: 1, maxTokens: 24, audio: WHOLE },
  );
  return share(clips, (i) => labelOf(answers[i]!.text));
}

/** What the baselines hear: as long as the longest recordings are. */
const BASELINE_SECONDS = 5;

/** The share that two simple models of log-mel statistics of whole recordings get right. */
export async function baselines(
  { clips, training }: MiniTest,
  config: FrontendConfig,
): Promise<{ centroid: number; linear: number }> {
  const frontend = createFrontend({ ...config, durationSeconds: BASELINE_SECONDS });
  const features = async ({ audio }: Clip) => {
    const { samples } = await frontend.load(audio);
    return logMelStatistics({ data: frontend.logMel(samples), frames: frontend.frames, mels: config.mels });
  };
  const known = await Promise.all(training.map(features));
  const labels = training.map(({ label }) => label);
  const asked = await Promise.all(clips.map(features));
  const score = (model: { predict(features: readonly Float32Array[]): string[] }) => {
    const told = model.predict(asked);
    return share(clips, (i) => told[i]!);
  };
  return { centroid: score(fitNearestCentroid(known, labels)), linear: score(fitLinear(known, labels)) };
}

function share(clips: readonly Clip[], answer: (index: number) => string): number {
  return clips.filter(({ label }, i) => answer(i) === label).length / clips.length;
}
