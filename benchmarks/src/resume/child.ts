/** One attempt at a run, which writes a line to a log for every batch that the model is asked: `child.ts MODEL DATA RUN LOG`. */
import { appendFileSync } from 'node:fs';
import { benchmarkTask, createClipSource, loadTask, type Predictor, runBench, scoreRun } from '@pengi/bench';
import { loadContestant } from '@pengi/cli';
import { createEngine } from '@pengi/jit';

const [model, data, run, log] = process.argv.slice(2) as [string, string, string, string];
const tasks = ['esc50', 'clothoaqa', 'clotho-captions', 'clotho-text-to-audio'];

const engine = await createEngine(undefined, { threads: 1 });
const contestant = await loadContestant(model, {
  engine,
  version: 'test',
  decoding: { beams: 2, maxTokens: 6 },
});
const evaluations = [];
for (const id of tasks) evaluations.push((await loadTask(benchmarkTask(id), data)).evaluation);
const clips = createClipSource({ frontend: contestant.frontend }, 1);
await runBench({
  ...contestant,
  predictor: logged(contestant.predictor),
  run,
  evaluations,
  clips,
  batchSize: 4,
  warn: (message) => appendFileSync(log, `warning ${message}\n`),
});
await scoreRun(run);
await clips.close();
await contestant.dispose();

/** The log is written before the model is asked, and stays when the process is killed. */
function logged(predictor: Predictor): Predictor {
  const methods = Object.entries(predictor).map(([name, method]) => [
    name,
    typeof method === 'function'
      ? (...args: unknown[]) => {
          appendFileSync(log, `asked ${name}\n`);
          return (method as (...given: unknown[]) => unknown)(...args);
        }
      : method,
  ]);
  return Object.fromEntries(methods) as Predictor;
}
