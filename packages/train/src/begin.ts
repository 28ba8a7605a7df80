/** Where a run begins: at its task's parameters, or where its folder says. */
import type { Arrays } from '@pengi/jit';
import { adamInit } from '@pengi/nn';
import { assertAgreement, fromFirst, sharedSnapshot } from './agreement.js';
import type { Communicator } from './communicator.js';
import type { Position } from './manifest.js';
import type { TaskParts } from './options.js';
import { firstSnapshot, noRunFolder, openRunFolder, type RunFolder } from './run-folder.js';
import { hashOf, settingsOf } from './settings.js';
import { copies } from './split.js';
import { type StepState, stepKey } from './step.js';
import type { TrainOptions, TrainTask } from './task.js';
import { codeVersions } from './versions.js';

/**
 * The run folder, which rank 0 alone reads and writes; the others begin where it does.
 * @throws PengiError as `openRunFolder`, and what `assertAgreement` says about the other ranks
 */
export async function beginRun(
  { name, cursor }: Pick<TrainTask<unknown, unknown>, 'name' | 'cursor'>,
  parts: TaskParts,
  options: TrainOptions & { communicator: Communicator },
  warn: (message: string) => void,
): Promise<RunFolder> {
  const { dir, record, engine, communicator, resume = false, keep = 2, best } = options;
  const { seed, steps, schedule, accumulate = 1, emaDecay } = options;
  // Copies, as the state is written to.
  const initial = {
    params: copies(parts.trainable),
    buffers: copies(parts.buffers),
    adam: adamInit(parts.trainable),
    ...(emaDecay !== undefined && { ema: copies(parts.trainable) }),
  } as Arrays<StepState>;
  const { size } = communicator;
  const settings = settingsOf(options, parts);
  const header = {
    task: name,
    engine: [
      engine.description,
      ...(size > 1 ? [`${size} processes`] : []),
      ...(accumulate > 1 ? [`${accumulate} parts each`] : []),
    ].join(', '),
    code: { ...codeVersions(), ...options.code },
    settings,
    record,
  };
  const position = (step: number): Position => ({
    learningRate: step < steps ? schedule(step) : null,
    randomKey: stepKey(seed, step),
    data: cursor?.(step) ?? null,
  });
  if (size > 1) {
    const { checkpointEvery = null } = options;
    const initialSha256 = hashOf(parts.trainable);
    await assertAgreement(communicator, {
      task: name,
      ...settings,
      record,
      checkpointEvery,
      size,
      accumulate,
      initialSha256,
    });
  }
  const folder = await fromFirst(communicator, async () =>
    dir === undefined
      ? noRunFolder(firstSnapshot(initial))
      : openRunFolder(dir, header, initial, { resume, keep, best, position, warn }),
  );
  const start = await sharedSnapshot(communicator, folder?.start, initial);
  return folder ?? noRunFolder(start);
}
