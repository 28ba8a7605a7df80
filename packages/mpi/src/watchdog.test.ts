import { describe, expect, it } from 'vitest';
import { activity, startWatchdog, type WatchdogData } from './watchdog.js';

const processes = [0, 1].map((pid) => ({ host: 'here', pid }));

function start(rank: number, onLost = () => expect.fail('nobody is lost')) {
  const state = activity();
  const data: WatchdogData = {
    rank,
    processes,
    silentSeconds: 30,
    stuckSeconds: 600,
    state: state.shared,
    token: 'word',
    witness: false,
  };
  return startWatchdog(data, onLost);
}

describe('watchdogs', () => {
  it('find each other, and part without a false alarm', async () => {
    const [first, second] = [start(0), start(1)];
    const address = { ...(await first.listening), token: 'word' };
    expect(await Promise.all([first.connect(address), second.connect(address)])).toEqual([true, true]);
    await Promise.all([first.stop(), second.stop()]);
  });

  it('say so when the first cannot be reached', async () => {
    const alone = start(1);
    expect(await alone.connect({ hosts: [], port: 1, witness: undefined, token: 'word' })).toBe(false);
    await alone.stop();
  });
});
