/** What the paper leaves open is chosen here: the options of a task, and a task with other choices than the defaults. */
import { PengiError, printable } from '@pengi/core';
import type { BenchmarkTask, TaskMetric, TaskOption } from './definition.js';

/** Option -> what is chosen, where it is not the default. */
export type Choices = Readonly<Partial<Record<TaskOption['name'], string>>>;

/**
 * The choices of each task in texts such as "dcase17-task4.split=testing".
 * @throws PengiError E_USAGE for what has another form, or names no option of that task or no value of it
 */
export function parseChoices(
  texts: readonly string[],
  tasks: readonly Pick<BenchmarkTask, 'id' | 'options'>[],
): Map<string, Choices> {
  const chosen = new Map<string, Choices>();
  for (const text of texts) {
    const [, id = '', name = '', value = ''] = /^([^.=]+)\.([^.=]+)=(.+)$/.exec(text) ?? [];
    const task = tasks.find((one) => one.id === id);
    if (!task)
      throw new PengiError('E_USAGE', `"${printable(text, 80)}" chooses nothing of a task of this run`, {
        hint: 'write task.option=value, such as dcase17-task4.split=testing',
      });
    const { name: option } = optionOf(task, name, value);
    chosen.set(id, { ...chosen.get(id), [option]: value });
  }
  return chosen;
}

/** @throws PengiError E_USAGE */
function optionOf({ id, options }: Pick<BenchmarkTask, 'id' | 'options'>, name: string, value: string) {
  const found = options.find((option) => option.name === name);
  if (!found)
    throw new PengiError('E_USAGE', `task ${id} has no option "${printable(name, 40)}"`, {
      hint:
        options.length === 0
          ? 'there is nothing to choose in it'
          : `it has ${options.map((option) => option.name).join(', ')}`,
    });
  if (![found.default, ...found.others].includes(value))
    throw new PengiError('E_USAGE', `"${printable(value, 60)}" is no ${name} of task ${id}`, {
      hint: `choose ${[found.default, ...found.others].map((one) => `"${one}"`).join(', ')}`,
    });
  return found;
}

/**
 * The task as chosen. Where what is evaluated would be learnt from, the simple baselines learn from other folds, or not at all.
 * @throws PengiError E_USAGE for choices that the task does not have
 */
export function withChoices(task: BenchmarkTask, choices: Choices): BenchmarkTask {
  for (const [name, value] of Object.entries(choices)) optionOf(task, name, value);
  const { prompt = task.prompt, split, metric, classes } = choices;
  const splits = split?.split('+') ?? task.splits;
  const { trainingSplits, ...rest } = task;
  const learnt = trainingSplits?.some((name) => splits.includes(name)) ? undefined : trainingSplits;
  return {
    ...rest,
    prompt,
    splits,
    metric: (metric as TaskMetric | undefined) ?? task.metric,
    ...(classes !== undefined && { classes }),
    ...(learnt && { trainingSplits: learnt }),
  };
}

/** What the report says of each option: what was chosen, what else there is, and why. */
export function choiceNotes({ options }: Pick<BenchmarkTask, 'options'>, choices: Choices): string[] {
  return options.map(({ name, default: usual, others, why }) => {
    const value = choices[name] ?? usual;
    const rest = [usual, ...others].filter((one) => one !== value).join(', ');
    return `${name}: ${value} (${value === usual ? 'or' : 'chosen in place of the default;'} ${rest}): ${why}`;
  });
}
