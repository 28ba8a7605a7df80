import { join, relative } from 'node:path';
import { textTable } from '@pengi/bench';
import { isPengiError, PengiError } from '@pengi/core';
import { formatSeconds, writeFileAtomic } from '@pengi/core/node';
import {
  differingSettings,
  findRuns,
  linesOf,
  numberText,
  type RunRecord,
  readRun,
  renderComparison,
  resultRows,
  runNames,
  scoresOf,
} from '@pengi/train';
import type { Command } from 'commander';
import { type Context, contextOf } from '../context.js';
import { readFacts } from '../runs/facts.js';
import { writeRunReport } from '../runs/report.js';

export function addRuns(program: Command): void {
  const command = program
    .command('runs')
    .description('list, compare and show training runs, also while they go on')
    .addHelpText(
      'after',
      `
Examples:
  pengi runs                                 # those below "runs"
  pengi runs list quickstart --json
  pengi runs compare runs/a runs/b --html comparison.html
  pengi runs report runs/pengi               # writes runs/pengi/report.html`,
    );
  command
    .command('list', { isDefault: true })
    .description('the runs in a folder and below, with their state, their last and their best scores')
    .argument('[folder]', 'where to look', 'runs')
    .action((folder: string, _, own: Command) => list(contextOf(own), folder));
  command
    .command('compare')
    .description('what differs between runs: settings, results, curves')
    .argument('<runs...>', 'run folders, two or more')
    .option('--html <file>', 'a page with the curves over each other')
    .action((dirs: string[], { html }: { html?: string }, own: Command) =>
      compare(contextOf(own), dirs, html),
    );
  command
    .command('report')
    .description('write the HTML report of a run, as far as it is')
    .argument('<run>', 'run folder')
    .option('--out <file>', 'where to (default: report.html in the run folder)')
    .action(async (dir: string, { out }: { out?: string }, own: Command) => {
      const context = contextOf(own);
      const path = await writeRunReport(dir, out);
      context.data({ report: path });
      context.say(path);
    });
}

async function list(context: Context, folder: string): Promise<void> {
  const runs: RunRecord[] = [];
  for (const dir of await findRuns(folder)) {
    try {
      runs.push(await readRun(dir));
    } catch (error) {
      if (!isPengiError(error)) throw error;
      context.warn(error.line); // the others are there all the same
    }
  }
  context.data(runs.map(summaryOf));
  if (runs.length === 0) return context.say(`no runs in ${folder} or below`);
  context.say(
    textTable(
      ['run', 'model', 'state', 'steps', 'time', 'loss', 'last', 'best'],
      runs.map((run) => {
        const { dir, model, state, step, steps, seconds, loss, scores } = summaryOf(run);
        const [name, score] = Object.entries(scores)[0] ?? [];
        return [
          relative(folder, dir) || dir,
          model,
          state,
          `${step}/${steps}`,
          formatSeconds(seconds),
          numberText(loss),
          name === undefined ? '–' : `${name} ${numberText(score?.last)}`,
          score?.best ? `${numberText(score.best.value)} at ${score.best.step}` : '–',
        ];
      }),
    ),
  );
}

async function compare(context: Context, dirs: readonly string[], page: string | undefined): Promise<void> {
  if (dirs.length < 2) throw new PengiError('E_USAGE', 'one run alone cannot be compared: name two or more');
  const runs = await Promise.all(dirs.map(readRun));
  const facts = await Promise.all(dirs.map(readFacts));
  const names = runNames(dirs);
  const differences = differingSettings(
    runs,
    facts.map((found) => found && { config: found.config, environment: found.environment }),
  );
  if (page !== undefined) await writeFileAtomic(page, renderComparison(runs, names, differences));
  context.data({
    runs: runs.map(summaryOf),
    differences: differences.map(({ name, values }) => ({
      name,
      values: values.map((value) => (value === undefined ? null : JSON.parse(value))),
    })),
    ...(page !== undefined && { html: page }),
  });
  context.say(
    textTable(
      ['', ...names],
      resultRows(runs).map(([name, cells]) => [name, ...cells]),
    ),
  );
  context.say('');
  if (differences.length === 0) context.say('no setting differs');
  else
    context.say(
      textTable(
        ['setting', ...names],
        differences.map(({ name, values }) => [name, ...values.map((value) => value ?? '–')]),
      ),
    );
  if (page !== undefined) context.say(`\n${page}`);
}

/** A run as an object for machines. */
function summaryOf(run: RunRecord) {
  const { dir, task, state, status, step, settings, seconds, record } = run;
  const { steps: lines, skipped } = linesOf(run);
  const started = status?.starts.at(0)?.at;
  return {
    dir: join(dir),
    task,
    model: modelOf(record) ?? task,
    state,
    ...(status?.error !== undefined && { error: status.error }),
    ...(started !== undefined && { started }),
    step,
    steps: settings.steps,
    seconds,
    loss: lines.at(-1)?.loss ?? null,
    scores: scoresOf(run),
    skipped: skipped.length,
    trainableValues: settings.trainableValues,
  };
}

/** The kind of the model, as its config calls it. */
function modelOf(record: unknown): string | undefined {
  const model = (record as { model?: { model?: unknown } } | undefined)?.model?.model;
  return typeof model === 'string' ? model : undefined;
}
