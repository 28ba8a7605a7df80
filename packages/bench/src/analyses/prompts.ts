/** Every prompt on every task (Table 11). */
import { PROMPTS } from '@pengi/datasets';
import { markdownTable, number } from '../report/tables.js';
import type { Evaluation } from '../runner/evaluation.js';
import type { TaskResult } from '../scoring/result.js';
import type { BenchmarkTask } from '../tasks/definition.js';

/** Stands between a task's id and the number of a variant. */
export const VARIANT = '~';

/**
 * The task once with each prompt of Table 11 that it has there, and with those of the paper that fit any recording. Questions
 * are their own prompts: nothing for them.
 */
export function promptVariants(task: BenchmarkTask, evaluation: Evaluation): Evaluation[] {
  if (evaluation.kind === 'question-answering') return [];
  const { caption, metadata, events } = PROMPTS;
  const prompts = [...new Set([task.prompt, ...Object.keys(task.prompts), caption, metadata, events])];
  return prompts.map((prompt, i) => {
    const printed = task.prompts[prompt];
    return {
      ...evaluation,
      id: `${evaluation.id}${VARIANT}${i + 1}`,
      title: `${evaluation.title}, “${prompt}”`,
      prompt,
      published: printed === undefined ? [] : [{ system: 'Pengi', value: printed, source: 'Table 11' }],
    };
  });
}

/** Tasks below each other, prompts beside each other: ours, and in brackets the paper's. The best of each row is bold. */
export function promptTable(results: readonly TaskResult[]): string {
  const variants = results.filter(({ id }) => id.includes(VARIANT));
  const prompts = [...new Set(variants.map(({ prompt }) => prompt))];
  const tasks = [...new Set(variants.map(({ id }) => id.split(VARIANT)[0] as string))];
  return markdownTable(
    ['task', ...prompts],
    tasks.map((task) => {
      const own = variants.filter(({ id }) => id.startsWith(`${task}${VARIANT}`));
      const best = Math.max(...own.map(({ value }) => value ?? Number.NEGATIVE_INFINITY));
      return [
        task,
        ...prompts.map((prompt) => {
          const found = own.find((one) => one.prompt === prompt);
          if (!found) return '–';
          const text = number(found.value);
          const ours = found.value === best ? `**${text}**` : text;
          return found.paper === null ? ours : `${ours} (${number(found.paper)})`;
        }),
      ];
    }),
  );
}
