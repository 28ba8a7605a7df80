import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  ablationTable,
  alteredClips,
  benchmarkTask,
  createClipSource,
  errorTypes,
  grounding,
  groundingTable,
  promptTable,
  promptVariants,
  readOntology,
  runBench,
  scoreRun,
  shuffledRecordings,
  simpleBaselines,
} from '../index.js';
import { ANIMALS, animalExpert, evaluation, numberOf, writeRecordings } from '../testing/evaluations.js';

let dir: string;
let recordings: string[];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pengi-analyses-'));
  recordings = await writeRecordings(dir, 6);
});
afterAll(() => rm(dir, { recursive: true }));

const common = { identity: { weightsSha256: 'x', version: '1' }, clips: createClipSource({}, 0) };

describe('promptVariants', () => {
  it('asks every prompt of Table 11, beside its number there', async () => {
    const variants = promptVariants(benchmarkTask('esc50'), evaluation(recordings, { id: 'esc50' }));
    expect(variants.map(({ id, prompt, published }) => [id, prompt, published[0]?.value])).toEqual([
      ['esc50~1', 'generate metadata', 0.9195],
      ['esc50~2', 'generate audio caption', 0.887],
      ['esc50~3', 'this is a sound of', 0.691],
    ]);
    const run = join(dir, 'prompts');
    const deafTo = (wrong: string) => ({
      ...animalExpert(),
      name: 'picky',
      generate: async (clips: readonly { audio: string }[], prompt: string) =>
        clips.map((clip) => (prompt === wrong ? 'dog' : (ANIMALS[numberOf(clip) % 3] as string))),
    });
    await runBench({
      ...common,
      run,
      evaluations: variants,
      predictor: deafTo('this is a sound of'),
      method: 'textMatching',
    });
    const { results } = await scoreRun(run);
    expect(promptTable(results).split('\n')[2]).toBe(
      '| esc50 | **1.0000** (0.9195) | **1.0000** (0.8870) | 0.3333 (0.6910) |',
    );
  });
});

describe('grounding', () => {
  it('gives silence, noise as loud, or the recording of another item', async () => {
    const frontend = {
      ...(await import('@pengi/audio-frontend')).RELEASED_FRONTEND,
      sampleRate: 16000,
      durationSeconds: 0.1,
    };
    const source = createClipSource({ frontend }, 0);
    const read = async (clips: typeof source) => {
      const reply = await clips.read({ audio: recordings[0] as string, want: 'samples' });
      return 'samples' in reply ? (reply.samples as Float32Array) : new Float32Array();
    };
    const power = (samples: Float32Array) => samples.reduce((sum, x) => sum + x * x, 0) / samples.length;
    const [real, silence, noise] = [
      await read(source),
      await read(alteredClips(source, 'silence')),
      await read(alteredClips(source, 'noise')),
    ];
    expect(power(silence)).toBe(0);
    expect(power(noise) / power(real)).toBeGreaterThan(0.8);
    expect(power(noise) / power(real)).toBeLessThan(1.2);
    expect(await read(alteredClips(source, 'noise'))).toEqual(noise);

    const task = evaluation(recordings);
    const shuffled = shuffledRecordings(task);
    expect(shuffled.items.every(({ audio }, i) => audio !== task.items[i]?.audio)).toBe(true);
    expect(shuffled.items.map(({ audio }) => audio).sort()).toEqual([...recordings].sort());
    expect(shuffled.items.map(({ labels }) => labels)).toEqual(task.items.map(({ labels }) => labels));
  });

  it('tells a model that listens from one that does not', async () => {
    const listener = animalExpert();
    const results = [];
    for (const task of [evaluation(recordings), shuffledRecordings(evaluation(recordings))]) {
      const run = join(dir, `grounding-${results.length}`);
      await runBench({ ...common, run, evaluations: [task], predictor: listener, method: 'textMatching' });
      results.push((await scoreRun(run)).results);
    }
    const [real, shuffled] = results as [(typeof results)[0], (typeof results)[0]];
    const [row] = grounding(real, { shuffled });
    expect(row?.real).toBeCloseTo(5 / 6, 12); // every fourth is taken for the next
    expect(row?.altered.shuffled?.value).toBeLessThan(0.7);
    expect(row?.altered.shuffled?.same).toBeLessThan(0.7);
    expect(grounding(real, { deaf: real })[0]?.altered.deaf?.same).toBe(1);
    expect(groundingTable([row!])).toContain('| animals | accuracy | 0.8333 |');
  });
});

describe('errorTypes', () => {
  const labels = [
    { name: 'dog', text: 'dog' },
    { name: 'cat', text: 'cat' },
    { name: 'vacuum_cleaner', text: 'vacuum cleaner' },
  ];
  const item = (id: string, expected: string, answer: string, score = 0) => ({
    id,
    audio: '',
    expected: [expected],
    answer,
    prediction: null,
    score,
  });
  const items = [
    item('right', 'dog', 'a dog', 1),
    item('matched wrong', 'dog', 'the Dog, again'),
    item('too general', 'dog', 'a domestic animal is heard'),
    item('sibling', 'dog', 'a horse'),
    item('other', 'dog', 'a cat'),
    item('unrelated', 'dog', 'thunder'),
    item('mute', 'cat', ' '),
    item('outside', 'vacuum_cleaner', 'domestic animal'),
  ];

  it('tells them by what the text names', async () => {
    const file = join(dir, 'ontology.json');
    await writeFile(
      file,
      JSON.stringify([
        { id: '/1', name: 'Animal', child_ids: ['/2'] },
        { id: '/2', name: 'Domestic animal', child_ids: ['/3', '/4', '/6'] },
        { id: '/3', name: 'Dog', child_ids: [] },
        { id: '/4', name: 'Cat', child_ids: [] },
        { id: '/5', name: 'Thunder', child_ids: [] },
        { id: '/6', name: 'Horse', child_ids: [] },
      ]),
    );
    const ontology = await readOntology(file);
    expect(ontology.above('dog')).toEqual(['domestic animal', 'animal']);
    const { right, counts, kinds } = errorTypes(items, labels, ontology);
    expect(right).toBe(1);
    expect(counts).toEqual({ 'text matching': 1, hierarchy: 2, concept: 3, 'no answer': 1 });
    expect([
      kinds.get('too general'),
      kinds.get('sibling'),
      kinds.get('other'),
      kinds.get('outside'),
    ]).toEqual(['hierarchy', 'hierarchy', 'concept', 'concept']);
    expect(errorTypes(items, labels).counts).toMatchObject({ hierarchy: 0, concept: 5 });
  });

  it('refuses what is no ontology', async () => {
    const file = join(dir, 'none.json');
    await writeFile(file, '{"a": 1}');
    await expect(readOntology(file)).rejects.toMatchObject({ code: 'E_DATA' });
    await expect(readOntology(join(dir, 'nowhere.json'))).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
  });
});

describe('ablationTable', () => {
  it('puts runs beside each other and beside the paper’s ablation', async () => {
    const run = join(dir, 'ablation');
    const task = evaluation(recordings, { id: 'esc50', published: [{ system: 'Pengi', value: 0.9195 }] });
    await runBench({
      ...common,
      run,
      evaluations: [task],
      predictor: animalExpert(),
      method: 'textMatching',
    });
    const { results } = await scoreRun(run);
    expect(
      ablationTable(
        [
          { name: 'full', results },
          { name: 'none', results: [] },
        ],
        'table-13',
      ).split('\n'),
    ).toEqual([
      '| task | metric | full | none | paper | paper: Pengi, frozen audio encoder |',
      '|---|---|---|---|---|---|',
      '| esc50 | accuracy | 0.8333 | – | 0.9195 | 0.8950 |',
    ]);
  });
});

describe('simpleBaselines', () => {
  it('learns from the other folds, never from the item itself', async () => {
    const items = recordings.map((audio, i) => ({ audio, label: i < 3 ? 'dog' : 'cat', fold: (i % 2) + 1 }));
    const folds = new Map(recordings.map((_, i) => [`clip ${i}`, (i % 2) + 1]));
    const task = evaluation([...recordings, join(dir, 'missing.wav')], { training: { items, folds } });
    const [majority, centroid] = await simpleBaselines(task, { workers: 0 });
    // Fold 1 (clips 0, 2, 4) has two dogs and a cat, fold 2 two cats and a dog: each is judged by the other.
    expect(majority?.scores[0]?.map((score) => score > 0.5)).toEqual([false, true, false]);
    expect(majority?.scores[1]?.map((score) => score > 0.5)).toEqual([true, false, false]);
    expect(majority?.scores[6]).toBeNull();
    expect(centroid?.scores[6]).toBeNull();
    // The pitch rises with the number: a dog's neighbours are dogs.
    expect(centroid?.scores[0]?.indexOf(Math.max(...(centroid.scores[0] ?? [])))).toBe(0);
    expect(await simpleBaselines(evaluation(recordings))).toEqual([]);
  });
});
