/**
 * `pnpm test:parity`: every golden of a folder against these packages. One line per golden with the worst error beside
 * its tolerance; the last line counts. PENGI_GOLDENS or --goldens names the folder (relative to the repository root).
 */
import { existsSync, readdirSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { checkGolden, type Outcome } from './run.js';

const root = join(dirname(fileURLToPath(import.meta.url)), '../../..');
const { values } = parseArgs({
  options: {
    goldens: { type: 'string', default: process.env.PENGI_GOLDENS ?? '../shared/goldens' },
    only: { type: 'string', default: '' },
    verbose: { type: 'boolean', default: false },
  },
});
const folder = isAbsolute(values.goldens) ? values.goldens : join(root, values.goldens);

if (!existsSync(folder)) {
  console.error(`parity: no folder ${values.goldens}; set PENGI_GOLDENS to a folder of goldens`);
  process.exit(1);
}

const namesIn = (sub: string) =>
  (existsSync(join(folder, sub)) ? readdirSync(join(folder, sub)) : [])
    .filter((file) => file.endsWith('.json'))
    .map((file) => `${sub}${file.slice(0, -'.json'.length)}`);
const names = [...namesIn(''), ...namesIn('metrics/')].sort();

const outcomes: Outcome[] = [];
for (const name of names.filter((name) => name.startsWith(values.only)))
  for await (const outcome of checkGolden(folder, name)) {
    outcomes.push(outcome);
    console.log(outcome.line);
    if (outcome.status === 'failed' || values.verbose)
      for (const detail of outcome.details) console.log(`       ${detail}`);
  }

const count = (status: Outcome['status']) => outcomes.filter((outcome) => outcome.status === status).length;
const [passed, failed, skipped] = [count('passed'), count('failed'), count('skipped')];
console.log(`parity: ${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exit(failed > 0 || passed === 0 ? 1 : 0);
