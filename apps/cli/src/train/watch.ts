/** How a run is seen from the command line while it goes on. */

import { join } from 'node:path';
import { printable, silentProgress } from '@pengi/core';
import { type RunObserver, type TrainOptions, tensorboardEvents } from '@pengi/train';
import type { Context } from '../context.js';
import { openDashboard, writeLine } from '../terminal.js';

export type Watched = Required<Pick<TrainOptions, 'observers' | 'progress'>>;

/**
 * Runs `work` with what shows a run in the folder `dir`: a dashboard on a terminal, otherwise lines now and then and for each
 * evaluation; with --json lines of progress alone. In any case TensorBoard's event files are written.
 * @param more who else observes
 */
export async function watched<T>(
  context: Context,
  { dir, title, still }: { dir: string; title: string; still?: Parameters<typeof tensorboardEvents>[1] },
  work: (watched: Watched) => Promise<T>,
): Promise<T> {
  const events = tensorboardEvents(join(dir, 'tensorboard'), still);
  const dashboard = context.json ? undefined : openDashboard(title);
  try {
    if (dashboard) return await work({ observers: [events, dashboard], progress: silentProgress });
    const observers = context.json ? [events] : [events, evaluationLines];
    return await work({ observers, progress: context.progress });
  } finally {
    dashboard?.close();
  }
}

/** The evaluations as plain lines. */
const evaluationLines: RunObserver = {
  logged(line) {
    if (line.event !== 'evaluation') return;
    const values = Object.entries(line.values).map(
      ([name, value]) => `${name} ${value?.toPrecision(4) ?? 'no number'}`,
    );
    writeLine(
      'stderr',
      `evaluation at step ${line.step}${values.length > 0 ? `: ${values.join(', ')}` : ''}`,
    );
    for (const { id, prompt, target, answer } of line.samples ?? [])
      writeLine(
        'stderr',
        `  ${printable(id, 60)}, ${printable(prompt, 80)}: wanted "${printable(target, 120)}", said "${printable(answer, 120)}"`,
      );
  },
};
