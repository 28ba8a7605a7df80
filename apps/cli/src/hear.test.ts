import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { getSceneEmbeddings, type HearModel, loadModel } from '@pengi/clap/hear';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { serveEmbeddings } from './commands/embed-serve.js';
import { pengi } from './testing/command-line.js';
import { saveTinyModels, writeWav } from './testing/models.js';

const workspace = fileURLToPath(new URL('../../..', import.meta.url));
let dir: string;
const at = (...names: string[]) => join(dir, ...names);
const sound = (i: number) => Float32Array.from({ length: 4000 }, (_, n) => 0.3 * Math.sin((n * (i + 1)) / 9));

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pengi-hear-'));
  await saveTinyModels(dir);
});
afterAll(async () => {
  await rm(dir, { recursive: true });
});

describe('hear', () => {
  /** Two labels, two clips of each in each split. */
  async function writeTask(): Promise<void> {
    const task = at('tasks', 'tones-1-full');
    const splits = ['train', 'valid', 'test'];
    const metadata = {
      task_name: 'tones',
      version: '1',
      embedding_type: 'scene',
      prediction_type: 'multiclass',
      split_mode: 'trainvaltest',
      sample_duration: 0.25,
      evaluation: ['top1_acc', 'mAP'],
      splits,
      evaluation_params: { task_specific_param_grid: { max_epochs: [6], hidden_dim: [8] } },
    };
    await mkdir(task, { recursive: true });
    await writeFile(join(task, 'task_metadata.json'), JSON.stringify(metadata));
    await writeFile(join(task, 'labelvocabulary.csv'), 'idx,label\n0,low\n1,high\n');
    for (const split of splits) {
      const clips = Object.fromEntries(
        [0, 1, 2, 3].map((i) => [`${split}${i}.wav`, [i < 2 ? 'low' : 'high']]),
      );
      await writeFile(join(task, `${split}.json`), JSON.stringify(clips));
      await mkdir(join(task, '16000', split), { recursive: true });
      for (const [i, file] of Object.keys(clips).entries())
        await writeWav(join(task, '16000', split, file), sound(i));
    }
  }

  it("prints a row for each probe and writes HEAR's files", async () => {
    await writeTask();
    const args = ['hear', '--tasks', at('tasks'), '--model', at('model'), '--out', at('out')];
    const { status, out, err } = await pengi(...args, '--json');
    expect(err).toBe('');
    expect(status).toBe(0);
    const rows = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(rows.map(({ probe }) => probe)).toEqual(['L1', 'L2', 'L3', 'hear']);
    expect(rows[0]).toMatchObject({ task: 'tones-1-full', score: 'top1_acc', folds: 1 });
    const file = at('out', 'model-latent', 'tones-1-full', 'test.predicted-scores.json');
    const scores = JSON.parse(await readFile(file, 'utf8'));
    expect(scores.test.test_top1_acc).toBe(rows[3].value);
    const table = await pengi(...args);
    expect(table.out).toMatch(/^task +probe +score +test/);
    expect(table.out).toMatch(/note: as in heareval/);
  });

  it.each<[string, string[], RegExp]>([
    ['a probe', ['--probes', 'L9'], /no probe "L9"/],
    ['a task', ['--only', 'speech'], /no task "speech"; there are tones-1-full/],
    ['a number of points', ['--grid-points', '0'], /0 grid points/],
  ])('refuses %s that is none', async (_what, flags, message) => {
    const { status, err } = await pengi('hear', '--tasks', at('tasks'), '--model', at('model'), ...flags);
    expect(status).toBe(2);
    expect(err).toMatch(message);
  });
});

describe('embed --serve', () => {
  let model: HearModel;
  beforeAll(async () => {
    model = await loadModel(at('model'));
  });
  afterAll(() => model.dispose());

  async function ask(...lines: string[]) {
    const output = new PassThrough();
    const input = new PassThrough();
    input.end(`${lines.join('\n')}\n`);
    await serveEmbeddings(model, input, output);
    output.end();
    return (await text(output))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
  }
  const audio = (...sounds: Float32Array[]) => ({
    shape: [sounds.length, sounds[0]!.length],
    audio: Buffer.concat(sounds.map(({ buffer }) => Buffer.from(buffer))).toString('base64'),
  });
  const floatsOf = (data: string) => new Float32Array(Uint8Array.from(Buffer.from(data, 'base64')).buffer);

  it('says what the model is, and answers in order', async () => {
    await writeWav(at('one.wav'), sound(1));
    const [ready, scene, moments, file] = await ask(
      JSON.stringify({ id: 7, ...audio(sound(0), sound(1)) }),
      JSON.stringify({ id: 'x', kind: 'timestamps', ...audio(sound(0)) }),
      JSON.stringify({ file: at('one.wav') }),
    );
    const size = model.sceneEmbeddingSize;
    expect(ready).toEqual({
      ready: true,
      sampleRate: 16000,
      sceneEmbeddingSize: size,
      timestampEmbeddingSize: size,
    });
    expect(scene).toMatchObject({ id: 7, embeddings: { shape: [2, size] } });
    const expected = await getSceneEmbeddings([sound(0), sound(1)], model);
    expect(floatsOf(scene.embeddings.data)).toEqual(expected.data);
    expect(moments).toMatchObject({ id: 'x', timestamps: { shape: [1, moments.embeddings.shape[1]] } });
    for (const [i, value] of floatsOf(file.embeddings.data).entries())
      expect(value).toBeCloseTo(expected.data[size + i]!, 3); // through a file of 16 bits or floats
  });

  it('answers what is wrong with an error, and goes on', async () => {
    const answers = await ask(
      'no json',
      JSON.stringify({ id: 1, audio: '', shape: [1, 3] }),
      JSON.stringify({ id: 2 }),
      JSON.stringify({ id: 3, file: at('none.wav') }),
      JSON.stringify({ id: 4, ...audio(sound(0)) }),
    );
    expect(answers.slice(1).map(({ id, error }) => [id, error?.code])).toEqual([
      [undefined, 'E_USAGE'],
      [1, 'E_SHAPE'],
      [2, 'E_CONFIG'],
      [3, 'E_NOT_FOUND'],
      [4, undefined],
    ]);
  });

  it('is what the Python module asks', (context) => {
    const python = process.env.PENGI_PYTHON ?? 'python3';
    const command = `"${process.execPath}" "${join(workspace, 'apps/cli/bin/pengi.js')}"`;
    const script = join(workspace, 'integrations/hear/check.py');
    expect(existsSync(script)).toBe(true);
    const { status, stdout, stderr } = spawnSync(python, [script, at('model')], {
      env: { ...process.env, PENGI_COMMAND: command },
      encoding: 'utf8',
    });
    if (status !== 0 && /No module named 'numpy'/.test(stderr ?? '')) status77(context);
    else if (status === null) status77(context);
    else expect([status, stdout, stderr]).toEqual([0, expect.stringMatching(/^ok/), '']);
  });

  function status77(context: { skip: (note?: string) => void }): void {
    console.warn('SKIPPED: integrations/hear needs Python with NumPy; PENGI_PYTHON names one');
    context.skip();
  }
});
