import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createClipSource,
  renderBenchReport,
  runBench,
  scoreRun,
  type TaskResult,
  writeReports,
} from '../index.js';
import { animalExpert, evaluation, writeRecordings } from '../testing/evaluations.js';
import { casesOf } from './bench-report.js';

let dir: string;
let results: readonly TaskResult[];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pengi-report-'));
  const recordings = await writeRecordings(dir, 8);
  const bad = join(dir, '99.wav');
  await writeFile(bad, 'no audio');
  const hostile = '<script>alert(1)</script>';
  const retrieval = evaluation(recordings, {
    id: 'find',
    kind: 'text-to-audio',
    metric: 'recall@1',
    item: (i) => ({ references: [`${hostile} ${i}`] }),
  });
  await runBench({
    run: join(dir, 'run'),
    evaluations: [evaluation([...recordings, bad], { title: `Animals ${hostile}` }), retrieval],
    predictor: { ...animalExpert(), name: hostile },
    identity: { weightsSha256: 'x', version: '1' },
    clips: createClipSource({}, 0),
    provenance: { weightsSha256: 'abc', engine: 'none', commit: '1234' },
    baselines: async ({ items }) => [{ name: 'always dog', scores: items.map(() => [1, 0, 0]) }],
  });
  ({ results } = await scoreRun(join(dir, 'run')));
  await writeReports(join(dir, 'run'), results);
});
afterAll(() => rm(dir, { recursive: true }));

describe('writeReports', () => {
  it('writes one page that needs nothing else, with every text escaped', async () => {
    const page = await readFile(join(dir, 'run/report.html'), 'utf8');
    const has = (text: string) => page.includes(text); // a page is too long to be printed
    expect([has('<script'), has('&#60;script&#62;'), has('default-src &#39;none&#39;')]).toEqual([
      false,
      true,
      true,
    ]);
    const addresses = [...page.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, address]) => address as string);
    expect(addresses.every((address) => /^(?:data:|#)/.test(address))).toBe(true);
    expect(page.match(/<audio /g)?.length).toBeGreaterThanOrEqual(4); // two tasks, worst and best
    expect(has('aria-label="Spectrogram of clip 3"')).toBe(true);
  });

  it('shows ours beside the paper, chance, baselines, what failed, and where it comes from', async () => {
    const page = await readFile(join(dir, 'run/report.html'), 'utf8');
    const texts = ['0.9000', 'Table 3', 'always dog', 'chance', '1 failed', 'E_AUDIO_FORMAT', '1234'];
    const parts = ['Confusion matrix', 'Recall within the first k', 'By class'];
    expect([...texts, ...parts].filter((text) => !page.includes(text))).toEqual([]);
    const markdown = await readFile(join(dir, 'run/report.md'), 'utf8');
    expect(markdown).toContain('| always dog | 0.3750 |'); // 3 of 8
    const json = JSON.parse(await readFile(join(dir, 'run/report.json'), 'utf8'));
    expect(json.tasks[0]).toMatchObject({ id: 'animals', n: 8, nOfficial: 100, paper: 0.9, value: 0.75 });
    expect(json.tasks[0].items).toBeUndefined();
  });

  it('does without recordings that are gone', () => {
    const gone = results.map((result) => ({
      ...result,
      items: result.items.map((item) => ({ ...item, audio: '/nowhere' })),
    }));
    expect(renderBenchReport({ title: 'x', results: gone })).not.toContain('<audio');
  });
});

describe('casesOf', () => {
  it('takes the worst and the best, none twice, and nothing wrong for a best case', () => {
    const item = (id: string, score: number) => ({
      id,
      audio: '',
      expected: [],
      answer: '',
      prediction: null,
      score,
    });
    const ids = (items: { id: string }[]) => items.map(({ id }) => id);
    const found = casesOf({ items: [item('a', 1), item('b', 0), item('c', 0.5), item('d', 0)] });
    expect([ids(found.worst), ids(found.best)]).toEqual([
      ['b', 'd'],
      ['a', 'c'],
    ]);
    expect(casesOf({ items: [item('a', 0), item('b', 0), item('c', 0)] }).best).toEqual([]);
  });
});
