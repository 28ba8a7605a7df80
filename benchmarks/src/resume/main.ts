/**
 * `pnpm test:bench-resume`: a run on a small data root is killed (SIGKILL) at 25 random moments, each time going on from what the
 * last one left. In the end its tables have to be those of a run that was never killed, byte for byte; a kill may cost one
 * batch, and a changed model has to start from nothing.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createRng } from '@pengi/core';
import { writeTinyData, writeTinyModel } from './tiny.js';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '25' },
    clips: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Date.now() % 1e6) },
  },
});
const kills = Number(values.kills);
const rng = createRng(Number(values.seed));
const dir = await mkdtemp(join(tmpdir(), 'pengi-resume-'));
const at = (name: string) => join(dir, name);

function start(run: string, log: string, model = 'model'): ChildProcess {
  const child = join(import.meta.dirname, 'child.ts');
  const args = ['--import', 'tsx', child, at(model), at('data'), at(run), at(log)];
  return spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] });
}

async function finished(process: ChildProcess): Promise<void> {
  const [code, signal] = await once(process, 'exit');
  if (code !== 0) throw new Error(`a run ended with ${signal ?? `status ${code}`}`);
}

const lines = (log: string) => (existsSync(at(log)) ? readFileSync(at(log), 'utf8').trim().split('\n') : []);
/** Batches of recordings that the model was asked about. */
const asked = (log: string) => lines(log).filter((line) => /^asked (?!embedText)/.test(line)).length;
const tables = async (run: string) => {
  const results = JSON.parse(await readFile(at(`${run}/results.json`), 'utf8')) as { seconds: number }[];
  return [
    await readFile(at(`${run}/table.md`), 'utf8'),
    JSON.stringify(results.map((one) => ({ ...one, seconds: 0 }))),
  ];
};

try {
  await Promise.all([
    writeTinyModel(at('model')),
    writeTinyModel(at('other'), 2),
    writeTinyData(at('data'), Number(values.clips)),
  ]);
  await finished(start('unbroken', 'unbroken.log'));
  const [table, results] = await tables('unbroken');
  const whole = asked('unbroken.log');
  console.log(`unbroken: ${whole} batches of recordings\n\n${table}`);

  // Killed at a random number of batches from where it is, a little later or earlier: mostly while the model is at work or its
  // answers are written. Rounds start anew when a run is done before all kills are.
  let [done, rounds, excess, torn] = [0, 0, 0, 0];
  while (done < kills) {
    const [run, log] = [`killed-${rounds}`, `killed-${rounds}.log`];
    rounds++;
    let killedHere = 0;
    for (let over = false; !over; ) {
      const child = start(run, log);
      const exit = once(child, 'exit');
      const target = asked(log) + 1 + rng.int(Math.ceil(whole / 6));
      const delay = rng.uniform() * 30;
      const killer = setInterval(() => {
        if (done < kills && asked(log) >= target) {
          clearInterval(killer);
          setTimeout(() => child.kill('SIGKILL'), delay);
        }
      }, 2);
      const [code, signal] = await exit;
      clearInterval(killer);
      if (signal === 'SIGKILL') {
        done++;
        killedHere++;
      } else if (code !== 0) throw new Error(`a run ended with status ${code}`);
      over = signal !== 'SIGKILL';
    }
    const more = asked(log) - whole;
    excess += more;
    torn += lines(log).filter((line) => line.startsWith('warning') && line.includes('torn')).length;
    const [sameTable, sameResults] = await tables(run);
    if (sameTable !== table || sameResults !== results)
      throw new Error(`${run}: other tables (seed ${values.seed})`);
    if (more > killedHere) throw new Error(`${run}: ${more} batches more after ${killedHere} kills`);
    console.log(`round ${rounds}: ${killedHere} kills, ${more} batches done again, tables equal`);
  }

  await finished(start('unbroken', 'other.log', 'other'));
  if (asked('other.log') !== whole) throw new Error('a changed model was given answers of another');
  console.log(
    `${done} kills in ${rounds} rounds: ${excess} batches done again, ${torn} torn lines, tables byte-equal (seed ${values.seed})`,
  );
} finally {
  await rm(dir, { recursive: true, force: true });
}
