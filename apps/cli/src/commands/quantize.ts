import { type Command, Option } from 'commander';
import { compareModel, QUANTIZE_BOUNDS, type QuantizeParts, type QuantizeReport } from 'pengi';
import { type Context, contextOf } from '../context.js';
import type { SetStatus } from '../status.js';

interface QuantizeCommandFlags {
  clips?: string[];
  parts: QuantizeParts;
  tokens: number;
}

export function addQuantize(program: Command, setStatus: SetStatus): void {
  program
    .command('quantize')
    .description('say what weights of 8 bits change in the answers of a Pengi; nothing is written')
    .argument('<model>', 'folder of a Pengi model')
    .option('--clips <files...>', 'recordings to compare with (default: two synthetic ones)')
    .addOption(
      new Option('--parts <which>', 'what gets weights of 8 bits')
        .choices(['language', 'all'])
        .default('language'),
    )
    .option('--tokens <n>', 'tokens of each answer that are compared', Number, 16)
    .addHelpText(
      'after',
      `
Compares with the model as it is, on the same recordings. Ends with status 65 when a bound is not reached; then
--quantize int8 of caption, ask and classify needs --force.

Examples:
  pengi quantize models/pengi --clips dog.wav rain.flac
  pengi quantize models/pengi --parts all --json`,
    )
    .action(async (model: string, { clips, ...options }: QuantizeCommandFlags, command: Command) => {
      const context = contextOf(command);
      const engine = await context.engine();
      const report = await compareModel(model, { engine, beams: true, ...options, ...(clips && { clips }) });
      context.data(report);
      sayReport(context, report);
      if (report.problems.length > 0) setStatus(65);
    });
}

function sayReport(context: Context, report: QuantizeReport): void {
  const { parts, clips, tokens, logitsCosine, logProbDifference, equalTokens, equalBeams } = report;
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  context.say(`int8 weights (${parts}), ${clips} recordings, ${tokens} tokens`);
  context.say(
    `logits             cosine ${logitsCosine.mean.toFixed(5)}, at least ${logitsCosine.least.toFixed(5)} (bound: mean ${QUANTIZE_BOUNDS.logitsCosine})`,
  );
  context.say(`log-probabilities  differ by at most ${logProbDifference.toFixed(3)} nats`);
  context.say(
    `tokens             ${percent(equalTokens.exactly)} equal, ${percent(equalTokens.orNearTie)} with near ties (bound ${percent(QUANTIZE_BOUNDS.equalTokens)})`,
  );
  if (equalBeams !== null) context.say(`beam searches      ${percent(equalBeams)} equal`);
  for (const [name, cosine] of Object.entries(report.embeddingCosine))
    if (cosine !== null)
      context.say(
        `${`${name} embeddings`.padEnd(18)} cosine at least ${cosine.toFixed(5)} (bound ${QUANTIZE_BOUNDS.embeddingCosine})`,
      );
  for (const problem of report.problems) context.say(`problem: ${problem}`);
}
