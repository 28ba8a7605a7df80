import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type EmbedTaskOptions, embedTask, type HearEncoder } from './embed-task.js';
import { readEmbeddings } from './embeddings.js';
import { evaluateProbes, PROBES, type ProbeOptions } from './protocol.js';
import { type TaskProbes, taskNotes, writeProbeResults } from './result.js';
import { hearRate, readHearTask } from './task-folder.js';

export interface ProbeTaskOptions extends ProbeOptions {
  readonly encoder: HearEncoder;
  /** Folder of all embeddings and results: `out/<encoder>/<task>/`. */
  readonly out: string;
  readonly embedding?: EmbedTaskOptions;
}

/** Part of what a result depends on: it is raised when the same settings give other numbers. */
const VERSION = 1;

/**
 * Embeds a task of HEAR, trains and tests its probes, and writes the results. What is there already, of the same encoder, task and
 * settings, is not made again.
 * @throws PengiError as `readHearTask`, `embedTask`, `readEmbeddings`, `evaluateProbes`
 */
export async function probeTask(dir: string, options: ProbeTaskOptions): Promise<TaskProbes> {
  const { encoder, grid = 'full', points = 8, seed = 42, probes = PROBES } = options;
  const source = await readHearTask(dir);
  const folder = await embedTask(source, encoder, options.out, options.embedding);
  const settings = {
    version: VERSION,
    encoder: encoder.key,
    task: source.fingerprint,
    engine: options.engine.name,
    grid,
    points,
    seed,
    probes: probes.join(','),
  };
  const before = await readFile(join(folder, 'probes.json'), 'utf8').catch(() => undefined);
  const known = before === undefined ? undefined : parsed(before);
  if (known && JSON.stringify(known.settings) === JSON.stringify(settings)) return known;

  const embeddings = await readEmbeddings(folder);
  const results = await evaluateProbes(embeddings, options);
  const found: TaskProbes = {
    task: source.id,
    taskName: source.metadata.task_name,
    score: source.metadata.evaluation[0]!,
    encoder: encoder.name,
    results,
    notes: taskNotes(source, await hearRate(source, encoder.sampleRate), encoder.sampleRate),
  };
  await writeProbeResults(folder, found, settings);
  return found;
}

/** Our own file: half of one, which an atomic write does not leave, counts as none. */
function parsed(text: string): (TaskProbes & { settings: unknown }) | undefined {
  try {
    return JSON.parse(text) as TaskProbes & { settings: unknown };
  } catch {
    return undefined;
  }
}
