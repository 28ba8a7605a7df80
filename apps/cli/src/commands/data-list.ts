import { BENCHMARK_TASKS, textTable } from '@pengi/bench';
import { DATA_SETS, type DataSet, hasDataSet, TRAINING_SETS } from '@pengi/datasets';
import type { Context } from '../context.js';

export async function listData(context: Context, root: string | undefined): Promise<void> {
  const rows = await Promise.all(
    Object.values<DataSet>(DATA_SETS).map(async (set) => ({
      set,
      here: root === undefined ? undefined : await hasDataSet(set, root),
    })),
  );
  context.data(rows.map(({ set, here }) => ({ ...facts(set), ...(here !== undefined && { here }) })));
  const header = ['id', 'data set', 'items', 'use', ...(root === undefined ? [] : ['here'])];
  const cells = rows.map(({ set, here }) => [
    set.id,
    set.title,
    Object.entries(set.splits)
      .map(([name, { official }]) => `${name} ${official?.toLocaleString('en') ?? '?'}`)
      .join(', '),
    facts(set).use.join(', '),
    ...(here === undefined ? [] : [here ? 'yes' : '']),
  ]);
  context.say(textTable(header, cells));
  context.say('\n--json tells licences, archives, addresses and layouts');
}

function facts({ id, title, licence, source, folders, layout, splits, notes = [] }: DataSet) {
  const isTrained = Object.hasOwn(TRAINING_SETS, id);
  const isEvaluated = BENCHMARK_TASKS.some(({ dataSet }) => dataSet === id);
  return {
    id,
    title,
    licence,
    source,
    folders,
    layout,
    splits: Object.fromEntries(Object.entries(splits).map(([name, { official }]) => [name, official])),
    use: [...(isTrained ? ['training'] : []), ...(isEvaluated ? ['evaluation'] : [])],
    notes,
  };
}
