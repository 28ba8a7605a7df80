import { availableParallelism, freemem, totalmem } from 'node:os';
import type { PengiError } from '@pengi/core';
import { createEngine, ENGINES, type EngineName } from '@pengi/jit';
import type { Command } from 'commander';
import { inspectModel, type ModelReport, type PartReport } from 'pengi';
import { type Context, contextOf } from '../context.js';
import type { SetStatus } from '../status.js';

export function addDoctor(program: Command, setStatus: SetStatus): void {
  program
    .command('doctor')
    .description(
      'say which engine will be used and why; of a model also what it is, and what is wrong with it',
    )
    .argument('[model]', 'model folder or checkpoint (safetensors, .pth, .bin): what is in it')
    .addHelpText(
      'after',
      `
Reads all weights of a model and runs nothing. Ends with status 65 when it cannot be used as what it is.

Examples:
  pengi doctor --json
  pengi doctor quickstart/model
  pengi doctor base.pth --json`,
    )
    .action(async (model: string | undefined, _flags: object, command: Command) => {
      const context = contextOf(command);
      const wanted = command.optsWithGlobals<{ engine?: string }>().engine ?? process.env.PENGI_ENGINE;
      const machine = await examineMachine(context, wanted);
      if (model === undefined) {
        context.data(machine);
        sayMachine(context, machine);
        return;
      }
      const report = await inspectModel(model);
      context.data({ ...report, machine });
      sayModel(context, report);
      sayEngine(context, machine);
      if (report.problems.length > 0) setStatus(65);
    });
}

async function examineMachine(context: Context, wanted: string | undefined) {
  const engines = [];
  for (const name of Object.keys(ENGINES) as EngineName[]) engines.push(await examine(name));
  const { name, description } = await context.engine();
  return {
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    cores: availableParallelism(),
    memoryGiB: { total: gib(totalmem()), free: gib(freemem()) },
    engine: name,
    engineDescription: description,
    why: wanted ? `asked for as "${wanted}"` : 'the first of jit, wasm and cpu that loads',
    engines,
  };
}

type Machine = Awaited<ReturnType<typeof examineMachine>>;

/** Whether an engine loads on this machine; if not, the reason. */
async function examine(
  name: EngineName,
): Promise<{ name: EngineName; what: string; description?: string; problem?: string }> {
  const { what } = ENGINES[name];
  try {
    return { name, what, description: (await createEngine(name)).description };
  } catch (error) {
    const { message, hint } = error as PengiError;
    return { name, what, problem: hint ? `${message}; ${hint}` : message };
  }
}

function sayMachine(context: Context, machine: Machine): void {
  const { node, platform, cores, memoryGiB } = machine;
  context.say(
    `Node ${node} on ${platform}, ${cores} cores, ${memoryGiB.free} of ${memoryGiB.total} GiB free`,
  );
  sayEngine(context, machine);
  for (const { name, what, description, problem } of machine.engines)
    context.say(`  ${description ? '+' : '-'} ${name.padEnd(10)} ${description ?? `${what}: ${problem}`}`);
}

function sayEngine(context: Context, { engine, engineDescription, why }: Machine): void {
  context.say(`engine: ${engine} (${engineDescription}), ${why}`);
}

function sayModel(context: Context, report: ModelReport): void {
  const { title, path, bytes, sha256, parameters, dtypes, parts, melBank, scale, tied, memory } = report;
  context.say(`${title}: ${parameters.toLocaleString('en-US')} parameters`);
  context.say(`file: ${path}, ${bytes.toLocaleString('en-US')} bytes, ${typesText(dtypes)}`);
  context.say(`sha256: ${sha256}`);
  for (const part of parts) context.say(`  ${partText(part)}`);
  if (melBank)
    context.say(`mel bank: ${melBank.text}; max |d| ${figure(melBank.fromConfig)} from the config's`);
  else if (parts.some(({ name }) => name === 'audio encoder'))
    context.say(
      parts.some(({ name }) => name === 'front-end kernels')
        ? 'mel bank: in the file, but not compared'
        : 'mel bank: none in the file, the computed one is used',
    );
  if (scale !== null) context.say(`scale of similarities: ${figure(scale)}`);
  if (tied) context.say(`tied: ${tied.join(' = ')}`);
  if (memory)
    context.say(
      `memory: ${mib(memory.weights)} MiB of weights (up to twice that while an engine holds its own layout), about ${mib(
        memory.encoder,
      )} MiB to hear, ${mib(memory.decoder)} MiB to speak`,
    );
  for (const note of report.notes) context.say(`note: ${note}`);
  for (const problem of report.problems) context.say(`problem: ${problem}`);
}

function partText({
  name,
  isModel,
  tensors,
  parameters,
  dtypes,
  weights,
  gains,
  sha256,
}: PartReport): string {
  const columns = [
    name.padEnd(21),
    parameters.toLocaleString('en-US').padStart(13),
    `${tensors} tensors`.padStart(12),
    typesText(dtypes).padEnd(4),
    sha256.slice(0, 12),
    isModel && weights ? `weights: mean ${figure(weights.mean)}, rms ${figure(weights.rms)}` : '',
    isModel && gains ? `gains: ${figure(gains.min)} … ${figure(gains.max)}, mean ${figure(gains.mean)}` : '',
  ];
  return columns.filter((column) => column !== '').join('  ');
}

const typesText = (dtypes: Readonly<Record<string, number>>) => Object.keys(dtypes).join('+');

const figure = (x: number) => (x === 0 ? '0' : x.toPrecision(3));

const mib = (bytes: number) => Math.ceil(bytes / 2 ** 20).toLocaleString('en-US');

function gib(bytes: number): number {
  return Math.round((bytes / 2 ** 30) * 10) / 10;
}
