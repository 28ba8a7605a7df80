import { BENCHMARK_TASKS, type BenchmarkTask, officialItems, textTable } from '@pengi/bench';
import { DATA_SETS, type DataSet } from '@pengi/datasets';
import type { Context } from '../context.js';

/** `pengi bench --list`: every task with its data set, split, metric, prompt and the paper's number, then the layouts. */
export function listTasks(context: Context): void {
  context.data(BENCHMARK_TASKS.map(facts));
  const header = ['task', 'folder', 'split', 'folds', 'items', 'metric', 'paper', 'prompt'];
  context.say(
    textTable(
      header,
      BENCHMARK_TASKS.map((task) => {
        const { id, folders, splits, folds, items, metric, paper, prompt } = facts(task);
        return [
          id,
          `${folders[0]}/`,
          splits.join('+'),
          folds === null ? '-' : String(folds),
          items === null ? '-' : String(items),
          metric,
          paper === null ? '-' : String(paper),
          prompt,
        ];
      }),
    ),
  );
  context.say('\nwhat the paper leaves open (--choose task.option=value; the first is the default):');
  for (const { id, options } of BENCHMARK_TASKS)
    for (const { name, default: usual, others, why } of options)
      context.say(`${id}.${name}  ${[usual, ...others].join(' | ')}\n  ${why}`);
  context.say('\nlayout of each folder, as its archives are unpacked:');
  for (const id of new Set(BENCHMARK_TASKS.map(({ dataSet }) => dataSet))) {
    const { folders, layout, source }: DataSet = DATA_SETS[id];
    context.say(`${folders[0]}/  from ${source.url}`);
    for (const path of layout) context.say(`  ${path}`);
  }
  context.say('\n--json has all of this, and the prompts, wordings and notes of each task');
}

function facts(task: BenchmarkTask) {
  const set: DataSet = DATA_SETS[task.dataSet];
  const { id, title, domain, dataSet, splits, kind, metric, prompt, prompts, paper, options, notes } = task;
  return {
    id,
    title,
    domain,
    dataSet,
    folders: set.folders,
    layout: set.layout,
    source: set.source,
    splits,
    folds: set.folds?.count ?? null,
    items: officialItems(task),
    kind,
    metric,
    prompt,
    prompts,
    paper,
    wordings: task.wordings ?? null,
    options,
    notes,
  };
}
