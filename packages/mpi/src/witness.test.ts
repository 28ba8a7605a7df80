import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { startProcess } from '@pengi/core/node';
import { expect, it } from 'vitest';
import type { WitnessData } from './witness.js';

const data: WitnessData = { processes: [11, 22].map((pid) => ({ host: 'here', pid })), token: 'word' };

/** A witness, and the connections of two processes to it. */
async function start() {
  const child: ChildProcess = startProcess(import.meta.url, 'witness', [JSON.stringify(data)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let err = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  const closed = once(child, 'close');
  const [text] = (await once(child.stdout as NonNullable<typeof child.stdout>, 'data')) as [Buffer];
  const join = async (rank: number) => {
    const socket = connect(Number(String(text)), '127.0.0.1');
    await once(socket, 'connect');
    socket.on('error', () => undefined);
    socket.write(`word ${rank}\n`);
    return socket;
  };
  return { join, err: () => err, closed };
}

it('a witness names the process whose connection ends without a word', async () => {
  const { join, err, closed } = await start();
  const [first, second] = [await join(0), await join(1)];
  second.end();
  expect(await closed).toEqual([0, null]);
  expect(err()).toMatch(
    /^E_MPI_RANK rank 1 \(host here, pid 22\) is gone; the job is stopped; resume it .*\n$/,
  );
  first.destroy();
});

it('a witness says nothing when all take their leave', async () => {
  const { join, err, closed } = await start();
  for (const socket of [await join(0), await join(1)]) socket.end('bye\n');
  expect(await closed).toEqual([0, null]);
  expect(err()).toBe('');
});
