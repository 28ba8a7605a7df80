import { Command } from 'commander';
import { addBench } from './commands/bench.js';
import { addAsk, addCaption } from './commands/caption.js';
import { addClassify } from './commands/classify.js';
import { addConvert } from './commands/convert.js';
import { addData } from './commands/data.js';
import { addDoctor } from './commands/doctor.js';
import { addEmbed } from './commands/embed.js';
import { addEvents } from './commands/events.js';
import { addExport } from './commands/export.js';
import { addHear } from './commands/hear.js';
import { addMetrics } from './commands/metrics.js';
import { addPull } from './commands/pull.js';
import { addQuantize } from './commands/quantize.js';
import { addQuickstart } from './commands/quickstart.js';
import { addRecipes } from './commands/recipes.js';
import { addRuns } from './commands/runs.js';
import { addTrain } from './commands/train.js';
import type { SetStatus } from './status.js';
import { ownVersion } from './versions.js';

export function createProgram(setStatus: SetStatus): Command {
  const program = new Command('pengi')
    .description('An audio language model: recordings and a prompt in, text out.')
    .version(ownVersion())
    .exitOverride()
    .showHelpAfterError('(pengi --help shows what there is)')
    .configureHelp({ showGlobalOptions: true })
    .option('--json', 'print results and errors as JSON')
    .option('--debug', 'print stack traces')
    .option('--engine <name>', 'jit (default), tensorflow, wasm or cpu')
    .option('--threads <n>', 'threads of the engine (default: all cores)', Number);
  for (const add of [
    addCaption,
    addAsk,
    addClassify,
    addEmbed,
    addEvents,
    addTrain,
    addRecipes,
    addRuns,
    addData,
    addBench,
    addHear,
    addQuickstart,
    addPull,
    addMetrics,
    addConvert,
    addExport,
    addQuantize,
    addDoctor,
  ])
    add(program, setStatus);
  return program;
}
