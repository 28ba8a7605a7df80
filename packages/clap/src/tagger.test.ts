import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFrontend } from '@pengi/audio-frontend';
import { saveModelFolder } from '@pengi/checkpoint';
import { createHtsat, type HtsatConfig, momentTimes } from '@pengi/htsat';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTagger, loadTagger, parseClassNames, type Tagger } from './tagger.js';
import { TINY_TRANSFORMERS, tinyTransformersParams } from './testing/families.js';
import {
  expectNear,
  noise,
  numbers,
  randomArray,
  rowsOf,
  TINY,
  testEngine,
  tinyParams,
} from './testing/tiny.js';

const params = tinyParams(4);
const long = { samples: Float32Array.from(randomArray(3, [7000], 0.1).data), sampleRate: 8000 }; // 4.4 windows

let dir: string;
let tagger: Tagger;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tagger-'));
  await saveModelFolder(join(dir, 'clap'), { config: TINY, tensors: params });
  tagger = await loadTagger(join(dir, 'clap'), { engine: await testEngine() });
});
afterAll(async () => {
  await tagger.dispose();
  await rm(dir, { recursive: true });
});

async function htsatOf(clips: Float32Array[], config: HtsatConfig = TINY.audio) {
  const htsat = createHtsat(params.audio_encoder.base.htsat, config, await testEngine());
  const outputs = await htsat.encode(createFrontend(TINY.frontend).logMelBatch(clips));
  await htsat.dispose();
  return outputs;
}

describe('tags', () => {
  it('are the clip-wise probabilities, of long recordings the mean over windows', async () => {
    const found = await tagger.tag([noise(1), long]);
    expect([found.shape, tagger.classes]).toEqual([[2, 3], 3]);
    const [short, whole] = rowsOf(found);
    expectNear(short!, numbers((await htsatOf([noise(1).samples])).clipwise));
    const cut = [0, 1600, 3200, 4800, 5400].map((start) => long.samples.slice(start, start + 1600));
    const rows = rowsOf((await htsatOf(cut)).clipwise);
    expectNear(
      whole!,
      rows[0]!.map((_, k) => rows.reduce((sum, row) => sum + row[k]!, 0) / 5),
    );
  });
});

describe('probabilities over time', () => {
  it('are those of the moments of one window', async () => {
    const { probabilities, times } = await tagger.framewise(noise(1));
    const { framewise } = await htsatOf([noise(1).samples]); // each moment for 64 frames
    expect(probabilities.shape).toEqual([4, 3]);
    for (const moment of [0, 1, 2, 3])
      expectNear(rowsOf(probabilities)[moment]!, numbers(framewise).slice(moment * 192, moment * 192 + 3));
    expect([times[0]!.start, times[3]!.end]).toEqual([0, 0.2]);
  });

  it('go on through long recordings without holes, to their end', async () => {
    const { probabilities, times } = await tagger.framewise(long);
    expect(probabilities.shape).toEqual([times.length, 3]);
    const { step } = momentTimes(TINY.audio, 21);
    const seconds = (step * 80) / 8000;
    expect(times.length).toBe(Math.floor(0.875 / seconds + 0.5));
    for (const [j, { start, end }] of times.entries()) {
      expect(start).toBeCloseTo(j === 0 ? 0 : times[j - 1]!.end, 12);
      if (j > 0 && j < times.length - 1) expect(end - start).toBeCloseTo(seconds, 12);
    }
    expect(times.at(-1)!.end).toBe(0.875);
    // The second window begins after the moments of the first.
    const start = Math.round(4 * seconds * 8000);
    const { framewise } = await htsatOf([long.samples.slice(start, start + 1600)]);
    expectNear(rowsOf(probabilities)[4]!, numbers(framewise).slice(0, 3));
  });

  it('become events', async () => {
    const { probabilities } = await tagger.framewise(long);
    const threshold = [...probabilities.data].sort()[Math.floor(probabilities.data.length / 2)]!;
    const events = await tagger.events(long, { threshold });
    expect(events.length).toBeGreaterThan(1);
    for (const { class: k, start, end, probability } of events) {
      expect(k).toBeLessThan(3);
      expect(end).toBeGreaterThan(start);
      expect(probability).toBeGreaterThanOrEqual(threshold);
    }
    expect(await tagger.events(long, { threshold: 1 })).toEqual([]);
    await expect(tagger.events(long, { threshold: 2 })).rejects.toMatchObject({ code: 'E_USAGE' });
  });
});

describe('a tagger', () => {
  it('is refused where there is no classifier', async () => {
    await saveModelFolder(join(dir, 'laion'), {
      config: TINY_TRANSFORMERS,
      tensors: tinyTransformersParams(1),
    });
    await expect(loadTagger(join(dir, 'laion'))).rejects.toMatchObject({ code: 'E_WEIGHTS' });
  });

  it('needs a clip that fits the image', async () => {
    const frontend = createFrontend({ ...TINY.frontend, durationSeconds: 1 });
    const engine = await testEngine();
    expect(() => createTagger(params.audio_encoder.base.htsat, TINY.audio, { engine, frontend })).toThrow(
      expect.objectContaining({ code: 'E_CONFIG' }),
    );
  });

  it('refuses what holds no samples', async () => {
    const silent = { samples: new Float32Array(0), sampleRate: 8000 };
    await expect(tagger.framewise(silent)).rejects.toMatchObject({ code: 'E_AUDIO_EMPTY' });
    await expect(tagger.framewise(join(dir, 'no.wav'))).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
  });
});

describe('parseClassNames', () => {
  const csv =
    'index,mid,display_name\r\n0,/m/09x0r,"Speech"\n1,/m/0ytgt,"Child speech, kid ""speaking"""\n2,/t/1,Dog\n';

  it('reads AudioSet’s table and plain lists', () => {
    expect(parseClassNames(csv, 3)).toEqual(['Speech', 'Child speech, kid "speaking"', 'Dog']);
    expect(parseClassNames('\uFEFFa dog\r\n\ncats, two\n', 2)).toEqual(['a dog', 'cats, two']);
  });

  it.each([
    [csv, 4, '3 names of classes; the model has 4'],
    [csv.replace('2,/t', '5,/t'), 3, 'line 4: expected 2,mid,name, found "5,/t/1,Dog"'],
    ['index,mid,display_name\n0,/m/1,"Dog\n', 1, 'line 2: expected 0,mid,name, found "0,/m/1,"Dog"'],
    ['', 1, '0 names of classes; the model has 1'],
  ])('refuses %j for %d classes', (text, classes, message) => {
    expect(() => parseClassNames(text, classes, { file: 'labels.csv' })).toThrow(
      expect.objectContaining({ code: 'E_DATA', message, file: 'labels.csv' }),
    );
  });
});
