import { availableParallelism, freemem, totalmem } from 'node:os';
import { createEngine, ENGINES, type EngineName } from '@pengi/jit';
import type { Command } from 'commander';
import { contextOf } from '../context.js';

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('say which engine will be used and why, with versions, threads and memory')
    .addHelpText('after', '\nExample:\n  pengi doctor --json')
    .action(async (_flags: object, command: Command) => {
      const context = contextOf(command);
      const engines = [];
      for (const name of Object.keys(ENGINES) as EngineName[]) engines.push(await examine(name));
      const chosen = await context.engine();
      const wanted = command.optsWithGlobals<{ engine?: string }>().engine ?? process.env.PENGI_ENGINE;
      const facts = {
        node: process.version,
        platform: `${process.platform}-${process.arch}`,
        cores: availableParallelism(),
        memoryGiB: { total: gib(totalmem()), free: gib(freemem()) },
        engine: chosen.name,
        why: wanted ? `asked for as "${wanted}"` : 'the first of jit, wasm and cpu that loads',
        engines,
      };
      context.data(facts);
      context.say(
        `Node ${facts.node} on ${facts.platform}, ${facts.cores} cores, ${facts.memoryGiB.free} of ${facts.memoryGiB.total} GiB free`,
      );
      context.say(`engine: ${chosen.name} (${chosen.description}), ${facts.why}`);
      for (const { name, what, description, problem } of engines)
        context.say(
          `  ${description ? '+' : '-'} ${name.padEnd(10)} ${description ?? `${what}: ${problem}`}`,
        );
    });
}

/** Whether an engine loads on this machine; if not, the reason. */
async function examine(
  name: EngineName,
): Promise<{ name: EngineName; what: string; description?: string; problem?: string }> {
  const { what } = ENGINES[name];
  try {
    return { name, what, description: (await createEngine(name)).description };
  } catch (error) {
    return { name, what, problem: (error as Error).message };
  }
}

function gib(bytes: number): number {
  return Math.round((bytes / 2 ** 30) * 10) / 10;
}
