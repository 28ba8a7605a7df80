import { mkdir, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  differingSettings,
  findRuns,
  type LogLine,
  readRun,
  renderComparison,
  renderRunReport,
  runNames,
  scoresOf,
} from '../index.js';
import { temporaryFolder } from '../testing/temporary.js';

let root: string;
beforeEach(async () => {
  root = await temporaryFolder();
});

const settings = {
  seed: 1,
  steps: 40,
  learningRates: [0.001, 0.0005, 0],
  optimizer: { weightDecay: 0.1 },
  clipNorm: 1,
  trainableValues: 10,
  frozenValues: 0,
  frozenSha256: '',
};

const stepLine = (step: number, loss = 4 / step): LogLine => ({
  event: 'step',
  step,
  loss,
  metrics: { temperature: 0.07 },
  learningRate: 0.001,
  gradientNorm: 2,
  seconds: step,
  samplesPerSecond: 32,
  loaderShare: 0.25,
});

const evaluation = (
  step: number,
  validationLoss: number,
  accuracy: number | null,
  answer = 'a cat',
): LogLine => ({
  event: 'evaluation',
  step,
  values: { validationLoss, accuracy },
  samples: [{ id: 'dog.wav', prompt: 'what?', target: 'A dog', answer }],
  seconds: step,
});

const LINES = [
  ...Array.from({ length: 10 }, (_, i) => stepLine(i + 1)),
  evaluation(10, 2, 0.75),
  ...Array.from({ length: 10 }, (_, i) => stepLine(i + 11)),
  evaluation(20, 1, 0.5),
  evaluation(30, 1.5, null, 'a dog'),
  { event: 'skipped', step: 31, reason: 'loss NaN', ids: ['<bad>.wav'] } as const,
];

interface Folder {
  name?: string;
  lines?: readonly LogLine[];
  config?: object;
  status?: object;
}

async function writeRun({ name = 'a', lines = LINES, config = {}, status }: Folder = {}): Promise<string> {
  const dir = join(root, name);
  await mkdir(dir, { recursive: true });
  const whole = { format: 'pengi-run', version: 1, task: 'clap', settings, record: { batch: 8 }, ...config };
  await writeFile(join(dir, 'config.json'), JSON.stringify(whole));
  await writeFile(join(dir, 'log.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  if (status) await writeFile(join(dir, 'status.json'), JSON.stringify(status));
  return dir;
}

const start = (more: object = {}) => ({
  at: '2026-01-01',
  step: 0,
  engine: 'jit',
  host: hostname(),
  pid: process.pid,
  ...more,
});

describe('readRun', () => {
  it('says how far a run is, and its last and best scores', async () => {
    const run = await readRun(await writeRun());
    expect(run).toMatchObject({
      task: 'clap',
      step: 31,
      seconds: 30,
      state: 'interrupted',
      record: { batch: 8 },
    });
    expect(scoresOf(run)).toEqual({
      validationLoss: { last: 1.5, best: { step: 20, value: 1 } }, // of losses the smallest
      accuracy: { last: null, best: { step: 10, value: 0.75 } }, // of other scores the largest
    });
  });

  it.each([
    ['running', { state: 'running', step: 0, starts: [start()] }],
    ['crashed', { state: 'running', step: 0, starts: [start({ pid: 2 ** 22 + 1 })] }],
    ['failed', { state: 'failed', step: 3, error: 'E_NONFINITE', starts: [start()] }],
    ['finished', { state: 'finished', step: 40, starts: [start()] }],
  ])('tells one that is %s', async (state, status) => {
    expect((await readRun(await writeRun({ status }))).state).toBe(state);
  });

  it('knows finished runs that have no status', async () => {
    expect((await readRun(await writeRun({ lines: [stepLine(40)] }))).state).toBe('finished');
  });

  it('reads a run that has not logged anything yet', async () => {
    const run = await readRun(await writeRun({ lines: [] }));
    expect(run).toMatchObject({ step: 0, seconds: 0 });
    expect(renderRunReport(run)).toContain('No step has been logged yet');
  });

  it('refuses what is no run', async () => {
    await expect(readRun(root)).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
    await writeFile(join(root, 'config.json'), '{"model": "clap"}');
    await expect(readRun(root)).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
    await writeFile(join(root, 'config.json'), '{"format": "pengi-run"}');
    await expect(readRun(root)).rejects.toMatchObject({ code: 'E_CONFIG' });
    await writeFile(join(root, 'config.json'), '{');
    await expect(readRun(root)).rejects.toMatchObject({ code: 'E_CONFIG' });
  });
});

describe('findRuns', () => {
  it('finds those below, not models, hidden folders or what is within runs', async () => {
    for (const name of ['b', 'a', 'c/deep/er', '.hidden', 'a/inner']) await writeRun({ name });
    await mkdir(join(root, 'model'));
    await writeFile(join(root, 'model/config.json'), '{"model": "clap"}');
    const found = await findRuns(root);
    expect(found.map((dir) => dir.slice(root.length + 1))).toEqual(['a', 'b', 'c/deep/er']);
    expect(await findRuns(join(root, 'a'))).toEqual([join(root, 'a')]);
    await expect(findRuns(join(root, 'nowhere'))).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
  });

  it('leaves a damaged one to be reported by whoever reads it', async () => {
    const dir = await writeRun();
    await writeFile(join(dir, 'config.json'), '{');
    expect(await findRuns(root)).toEqual([dir]);
  });
});

describe('comparing runs', () => {
  it('names the settings that differ, and only those', async () => {
    const runs = await Promise.all([
      writeRun().then(readRun),
      writeRun({
        name: 'b',
        config: { settings: { ...settings, seed: 2 }, record: { batch: 16, extra: { depth: 1 } } },
      }).then(readRun),
    ]);
    const more = [{ config: { warmup: 5, steps: 9 } }, { config: { warmup: 6, steps: 9 } }];
    expect(differingSettings(runs, more)).toEqual([
      { name: 'settings.seed', values: ['1', '2'] },
      { name: 'record.batch', values: ['8', '16'] },
      { name: 'record.extra', values: [undefined, '{"depth":1}'] },
      { name: 'config.warmup', values: ['5', '6'] },
    ]);
  });

  it('names runs by their folders, and by their paths where these are alike', () => {
    expect(runNames(['runs/a', 'runs/b/'])).toEqual(['a', 'b']);
    expect(runNames(['x/a', 'y/a'])).toEqual(['x/a', 'y/a']);
  });

  it('shows them on one page', async () => {
    const runs = [
      await readRun(await writeRun()),
      await readRun(await writeRun({ name: 'b', lines: [stepLine(1)] })),
    ];
    const page = renderComparison(runs, ['a', '<b>'], [{ name: 'settings.seed', values: ['1', undefined] }]);
    const loss = page.slice(page.indexOf('<h3>Loss, smoothed'), page.indexOf('</figure>'));
    expect(loss.match(/<polyline/g)).toHaveLength(2);
    expect(page).toContain('<th scope="row">settings.seed</th><td>1</td><td>–</td>');
    expect(page).toContain('<th scope="row">accuracy, best</th><td>0.75 at 10</td><td>–</td>');
    expect(page).not.toContain('<b>');
  });
});

describe('the report of a run', () => {
  it('has the curves, with an evaluated loss beside the training loss', async () => {
    const page = renderRunReport(await readRun(await writeRun()));
    const titles = [...page.matchAll(/<figure class="chart".*?<h3>(.*?)<\/h3>/gs)].map(([, title]) => title);
    expect(titles).toEqual([
      'Loss',
      'accuracy',
      'temperature in training',
      'Learning rate',
      'Gradient norm',
      'Throughput',
      'Time spent waiting for batches',
    ]);
    const legend = /<figcaption>(.*?)<\/figcaption>/s
      .exec(page)![1]!
      .replace(/<[^>]*>/g, ' ')
      .replace(/\s+/g, ' ');
    expect(legend.trim()).toBe('loss smoothed validationLoss step');
  });

  it('tells what was said of each sample over time, equal answers once, and which are right', async () => {
    const page = renderRunReport(await readRun(await writeRun()));
    const said = /<ol class="said">(.*?)<\/ol>/s.exec(page)![1]!;
    expect(said).toBe(
      '<li class=""><span class="soft">steps 10 – 20</span> a cat</li><li class="right"><span class="soft">step 30</span> a dog</li>',
    );
  });

  it('plays and draws the clips that it is given', async () => {
    const logMel = { data: new Float32Array(4), frames: 2, mels: 2 };
    const clips = new Map([['dog.wav', { bytes: Uint8Array.of(1, 2, 250), logMel }]]);
    const page = renderRunReport(await readRun(await writeRun()), { clips });
    expect(page).toContain('<audio controls preload="none" src="data:audio/wav;base64,AQL6">');
    expect(page).toContain('aria-label="Spectrogram of dog.wav"');
  });

  it('shows settings, facts, starts and an error, and asks for nothing from outside', async () => {
    const status = { state: 'failed', step: 3, error: 'E_NONFINITE <b>', starts: [start({ engine: 'ORT' })] };
    const run = await readRun(
      await writeRun({ status, config: { record: { model: { audio: { mels: 64 } } } } }),
    );
    const page = renderRunReport(run, { facts: { Environment: { node: 'v20', none: undefined } } });
    const has = (text: string) => page.includes(text); // a page is too long to be printed
    const texts = [
      'E_NONFINITE &#60;b&#62;',
      '<dt>seed</dt><dd>1</dd>',
      '<summary>audio</summary>',
      '<dt>mels</dt><dd>64</dd>',
      '<dt>node</dt><dd>v20</dd>',
      'anew: ORT',
      '&#60;bad&#62;.wav',
    ];
    expect(texts.filter((text) => !has(text))).toEqual([]);
    expect(has('<dt>none')).toBe(false);
    const addresses = [...page.matchAll(/\s(?:src|href)="([^"]*)"/g)].map(([, address]) => address as string);
    expect(addresses.filter((address) => !/^data:/.test(address))).toEqual([]);
    expect(page).not.toMatch(/url\(|@import|https?:/);
  });

  it.each(['<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', '\u202ecod.exe\u0000'])(
    'makes nothing but text of %j',
    async (hostile) => {
      const lines: LogLine[] = [
        { ...(stepLine(1) as Extract<LogLine, { event: 'step' }>), metrics: { [hostile]: 1 } },
        {
          event: 'evaluation',
          step: 1,
          values: { [hostile]: 1 },
          samples: [{ id: hostile, prompt: hostile, target: hostile, answer: hostile }],
          seconds: 1,
        },
        { event: 'skipped', step: 2, reason: hostile, ids: [hostile] },
      ];
      const run = await readRun(
        await writeRun({ lines, config: { task: hostile, record: { [hostile]: hostile } } }),
      );
      for (const page of [renderRunReport(run), renderComparison([run, run], [hostile, hostile], [])]) {
        const markup = page.replace(/<script>.*?<\/script>\n<\/body>/s, '');
        for (const forbidden of [hostile, '<script', '<img src=x', '\u202e', '\u0000'])
          expect(markup.includes(forbidden), forbidden).toBe(false);
      }
    },
  );
});

it('what a torn log leaves out is left out of the report alone', async () => {
  const dir = await writeRun();
  await writeFile(
    join(dir, 'log.jsonl'),
    `${JSON.stringify(stepLine(1))}\n{"event":"evaluation","step":2,"values":{"a":1},"samples":[null,{"id":1}],"seconds":1}\n{"event":"st`,
  );
  const page = renderRunReport(await readRun(dir));
  expect(page.includes('2 of 40')).toBe(true);
  await rm(join(dir, 'log.jsonl'));
  expect((await readRun(dir)).step).toBe(0);
});
