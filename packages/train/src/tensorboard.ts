import { type EventFile, openEventFile, type Summary } from '@pengi/tensorboard';
import type { EvaluationLine } from './log.js';
import type { RunObserver } from './observe.js';

/**
 * Writes TensorBoard event files beside the log: what the log has, as scalars by step, and the sample texts of evaluations.
 * @param still what stays the same all along, such as spectrograms of the clips that are asked about; shown at the first step
 */
export function tensorboardEvents(dir: string, still: Pick<Summary, 'images' | 'sounds'> = {}): RunObserver {
  let events: EventFile | undefined;
  return {
    async begin({ from }) {
      // A file of its own for each start: what older ones say of the steps to come is of a run that was cut off there.
      events = await openEventFile(dir, { firstStep: from + 1 });
      if (from === 0 && Object.keys(still).length > 0) await events.add(0, still);
    },
    async logged(line) {
      if (line.event === 'step') {
        const { step, loss, metrics, learningRate, gradientNorm, samplesPerSecond, loaderShare } = line;
        const training = { loss, ...metrics, learningRate, gradientNorm };
        const speed = { samplesPerSecond, loaderShare };
        await events?.add(step, { scalars: { ...tagged('training', training), ...tagged('speed', speed) } });
      }
      if (line.event === 'evaluation') await events?.add(line.step, evaluationSummary(line));
      if (line.event === 'skipped')
        await events?.add(line.step, {
          texts: { 'training/skipped': `${line.reason}: ${line.ids.map(code).join(', ')}` },
        });
    },
    async end() {
      await events?.close();
    },
  };
}

function evaluationSummary({ values, samples = [] }: EvaluationLine): Summary {
  const texts = samples.map(({ id, prompt, target, answer }): [string, string] => [
    `samples/${id}`,
    [
      '| prompt | wanted | said |',
      '|---|---|---|',
      `| ${[prompt, target, answer].map(code).join(' | ')} |`,
    ].join('\n'),
  ]);
  return { scalars: tagged('evaluation', values), texts: Object.fromEntries(texts) };
}

function tagged(group: string, values: Readonly<Record<string, number | null>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [`${group}/${name}`, value ?? Number.NaN]),
  );
}

/** As it is, in Markdown and within a table. */
function code(text: string): string {
  return `\`${text.replaceAll('`', "'").replace(/\s+/g, ' ').replaceAll('|', '\\|')}\``;
}
