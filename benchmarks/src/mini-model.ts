import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BENCHMARK_TASKS } from '@pengi/bench';
import { saveModelFolder } from '@pengi/checkpoint';
import { main } from '@pengi/cli';
import { isPengiError, PengiError } from '@pengi/core';
import {
  type DataSet,
  dataSet,
  PROMPTS,
  TRAINING_SETS,
  type TrainingSetId,
  trainingPairs,
} from '@pengi/datasets';
import { initParams } from '@pengi/nn';
import { pengiSpec, smallConfigs } from 'pengi';

interface Row {
  readonly audio: string;
  readonly prompt: string;
  readonly target: string;
}

const STEPS = { clap: 300, lm: 300, pengi: 400 } as const;

/**
 * A small Pengi, trained by `pengi train` on the training splits below `data`; where there are none, one of random weights.
 * Both are said. What an earlier call has trained is taken as it is.
 */
export async function trainMiniModel(data: string, dir: string, seed: number): Promise<string> {
  const model = join(dir, 'pengi/model');
  if (existsSync(join(model, 'config.json'))) return model;
  await mkdir(dir, { recursive: true });
  const rows = await trainingRows(data);
  if (rows.length === 0) return randomModel(join(dir, 'random'), seed);

  await writeFile(join(dir, 'train.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const folder = (name: string) => join(dir, name, 'model');
  const parts = { clap: folder('clap'), language: folder('lm') };
  for (const what of ['clap', 'lm', 'pengi'] as const) {
    const config = {
      data: {
        manifest: 'train.jsonl',
        root: data,
        validation: 0,
        cache: join(dir, 'cache'),
        skipBadRows: true,
      },
      steps: STEPS[what],
      batch: 16,
      seed,
      ...(what === 'pengi' && { from: parts }),
    };
    await writeFile(join(dir, `${what}.json`), JSON.stringify(config));
    const status = await main([
      'train',
      what,
      '--config',
      join(dir, `${what}.json`),
      '--out',
      join(dir, what),
    ]);
    if (status !== 0) throw new PengiError('E_INTERNAL', `training ended with status ${status}`);
  }
  return model;
}

/** The paper's pairs of every training set that is there. None is of a split that is evaluated. */
async function trainingRows(data: string): Promise<Row[]> {
  const rows: Row[] = [];
  for (const id of Object.keys(TRAINING_SETS) as TrainingSetId[]) {
    const set: DataSet = dataSet(id);
    for (const split of TRAINING_SETS[id].splits)
      try {
        const { items } = await set.read(data, { split });
        rows.push(
          ...trainingPairs(id, items).pairs.map(({ audio, prompt, target }) => ({ audio, prompt, target })),
        );
      } catch (error) {
        if (!isPengiError(error) || error.code !== 'E_NOT_FOUND') throw error;
      }
  }
  // The paper's prompt for most closed tasks comes from sets of descriptions that are not here: captions stand for them.
  const described = rows.filter(({ prompt }) => prompt === PROMPTS.caption);
  return [...rows, ...described.map((row) => ({ ...row, prompt: PROMPTS.metadata }))];
}

async function randomModel(dir: string, seed: number): Promise<string> {
  console.log('there is no training split: the model has random weights and knows nothing');
  const prompts = [...new Set(BENCHMARK_TASKS.map(({ prompt }) => prompt.replace('{q}', '').trim()))];
  const answers = BENCHMARK_TASKS.flatMap(({ wordings }) =>
    typeof wordings === 'object' ? Object.values(wordings) : [],
  );
  const { pengi } = smallConfigs({ prompts, answers });
  await saveModelFolder(dir, { config: pengi, tensors: initParams(pengiSpec(pengi), seed) });
  return dir;
}
