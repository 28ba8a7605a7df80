/** The part of `pnpm test:crash` that is over in a moment: that looks at every call, this at some. */
import { expect, it } from 'vitest';
import { checkFailures, checkKills, checkPowerLosses } from './testing/crash-checks.js';
import { MEMORY, temporaryFolder } from './testing/temporary.js';

it('a run goes on after a kill between any two calls to the disk', async () => {
  const root = await temporaryFolder(MEMORY);
  expect(await checkKills({ root, every: 5, toTheEndEvery: 10 })).toBeGreaterThan(40);
});

it('a run goes on after a loss of power', async () => {
  await checkPowerLosses(60, { root: await temporaryFolder(MEMORY), toTheEndEvery: 10 });
});

it.each(['one', 'all'] as const)(
  'a failing disk (%s of the calls) ends a run with an error that says what is kept and what to do',
  async (which) => {
    const root = await temporaryFolder(MEMORY);
    const { count, codes } = await checkFailures(which, { root, every: 9, toTheEndEvery: 10 });
    expect(count).toBeGreaterThan(30);
    expect(codes).toEqual(expect.arrayContaining(['E_CANNOT_CREATE', 'E_DISK_FULL', 'E_IO']));
  },
);
