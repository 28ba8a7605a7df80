/**
 * A process beside the job that says who died first. When a process of the job dies, MPICH's launcher kills all others within
 * milliseconds, by their process groups: none of them is sure to say anything. This one is in a group of its own; every
 * process of the job holds a connection to it, and it ends as soon as they have.
 *
 * `witness.ts <JSON of WitnessData>`; its parent reads the port from stdout.
 */
import { writeSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { PengiError } from '@pengi/core';

export interface WitnessData {
  processes: readonly { host: string; pid: number }[];
  /** What a process of the job says first, followed by a space and its rank. */
  token: string;
}

/** What is left of a job whose processes never come. */
const PATIENCE = 120_000;
const BYE = 'bye';

const { processes, token } = JSON.parse(process.argv[1] as string) as WitnessData;
const connected = new Set<number>();
let left = 0;

const server = createServer((socket) => watch(socket));
server.listen(0, () => writeSync(1, `${(server.address() as { port: number }).port}\n`));
const timer = setTimeout(() => process.exit(), PATIENCE);

function watch(socket: Socket): void {
  let rank: number | undefined;
  let text = '';
  socket.setEncoding('latin1');
  socket.on('data', (chunk: string) => {
    text += chunk;
    const [said, number] = text.split('\n')[0]!.split(' ');
    if (!text.includes('\n')) return;
    if (said !== token || !processes[Number(number)]) return void socket.destroy();
    rank = Number(number);
    connected.add(rank);
    if (connected.size === processes.length) clearTimeout(timer);
  });
  socket.on('error', () => undefined); // 'close' follows
  socket.on('close', () => {
    if (rank === undefined) return;
    left++;
    if (!text.endsWith(`${BYE}\n`)) testify(rank);
    if (left === processes.length) process.exit();
  });
}

function testify(rank: number): void {
  const { host, pid } = processes[rank]!;
  const error = new PengiError('E_MPI_RANK', `rank ${rank} (host ${host}, pid ${pid}) is gone`, {
    hint: 'the job is stopped; resume it from its last checkpoint',
  });
  writeSync(2, `${error.line}\n`);
  process.exit();
}
