/** The watchdog's thread, see watchdog.ts. Rank 0 serves; the others connect. */
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { createServer, type Server, type Socket, connect as tcpConnect } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { PengiError } from '@pengi/core';
import { startProcess } from '@pengi/core/node';
import { heardFrom, judge, type Loss, type Place } from './judge.js';
import {
  COLLECTIVES,
  type FromWatchdog,
  type ToWatchdog,
  type WatchdogAddress,
  type WatchdogData,
} from './watchdog.js';
import type { WitnessData } from './witness.js';

const { rank, processes, silentSeconds, stuckSeconds, state, token, witness } = workerData as WatchdogData;
const own = new Int32Array(state);

/** What a process says before it leaves as it should. */
const BYE = 'bye';
/** How often each process says where it is. */
const INTERVAL = 1000;
/** How long the main thread has to end the job after it was told to. */
const GRACE = 5000;

const places: (Place | undefined)[] = [];
const sockets = new Set<Socket>();
let server: Server | undefined;
let witnessSocket: Socket | undefined;
let stopping = false;
let reported = false;
let lastTick = Date.now();

function say(message: FromWatchdog): void {
  parentPort!.postMessage(message);
}

function ownLine(): string {
  return `${Atomics.load(own, 0)} ${Atomics.load(own, 1)} ${Atomics.load(own, 2)}`;
}

function report(lost: Loss): void {
  if (reported) return;
  reported = true;
  // All others notice that rank 0 is lost; one of them says so.
  setTimeout(
    () => {
      if (stopping) return;
      // From here rather than from the main thread, which may compute, and before the launcher kills everything.
      if (!witnessSocket || lost.reason !== 'gone') writeSync(2, `${lostError(lost).line}\n`);
      say('lost');
      setTimeout(() => process.kill(process.pid, 'SIGKILL'), GRACE); // the main thread has not ended the job
    },
    rank > 1 ? GRACE / 2 : 0,
  );
}

function lostError({ rank: lost, reason, seconds, collective, sequence }: Loss): PengiError {
  const { host, pid } = processes[lost]!;
  const what = {
    gone: 'is gone',
    silent: `has been silent for ${seconds} s`,
    stuck: `is alive, but has not joined for ${seconds} s`,
  }[reason];
  return new PengiError(
    'E_MPI_RANK',
    `rank ${lost} (host ${host}, pid ${pid}) ${what}: the job stands at ${COLLECTIVES[collective]} #${sequence}`,
    { hint: 'the job is stopped; resume it from its last checkpoint' },
  );
}

function check(): void {
  const now = Date.now();
  const slept = now - lastTick > 3 * INTERVAL;
  lastTick = now;
  // This very process was suspended: that it heard nothing says nothing of the others.
  if (slept) for (const place of places) if (place) Object.assign(place, { heard: now, since: now });
  places[rank] = heardFrom(ownLine(), places[rank], now);
  const lost = judge(places, now, { silentSeconds, stuckSeconds });
  if (lost) report(lost);
}

/** Reads lines; the first tells who it is. */
function listen(socket: Socket, from: number | undefined): void {
  let peer = from;
  let rest = '';
  let left = false;
  sockets.add(socket);
  socket.setNoDelay(true);
  socket.setEncoding('latin1');
  socket.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop()!;
    if (rest.length > 200) return void socket.destroy();
    for (const line of lines) {
      if (peer === undefined) {
        const [said, number] = line.split(' ');
        if (said !== token || !(Number(number) > 0 && Number(number) < processes.length))
          return void socket.destroy();
        peer = Number(number);
        places[peer] = heardFrom('0 0 0', undefined, Date.now());
      } else if (line === BYE) {
        left = true;
        places[peer] = undefined;
      } else places[peer] = heardFrom(line, places[peer], Date.now()) ?? places[peer];
    }
  });
  socket.on('error', () => undefined); // 'close' follows
  socket.on('close', () => {
    sockets.delete(socket);
    const place = peer === undefined ? undefined : places[peer];
    if (!place || left) return;
    place.gone = true;
    check();
  });
}

/** Started here, but in a process group of its own. Gives its port; undefined where it does not start. */
async function startWitness(): Promise<number | undefined> {
  const data: WitnessData = { processes, token };
  const child = startProcess(import.meta.url, 'witness', [JSON.stringify(data)], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  child.unref();
  const said = await Promise.race([once(child.stdout!, 'data'), once(child, 'close'), once(child, 'error')]);
  const port = Number(String(said[0]));
  child.stdout!.destroy();
  return Number.isInteger(port) && port > 0 ? port : undefined;
}

async function serve(): Promise<void> {
  const witnessPort = witness ? await startWitness() : undefined;
  server = createServer((socket) => listen(socket, undefined));
  server.listen(0, () => {
    const addresses = Object.values(networkInterfaces()).flatMap((found) => found ?? []);
    const hosts = [
      hostname(),
      ...addresses.filter(({ internal }) => !internal).map(({ address }) => address),
    ];
    const { port } = server!.address() as { port: number };
    say({ listening: { hosts, port, witness: witnessPort } });
  });
}

/** Tries one address after the other. */
function dial([host, ...others]: readonly string[], port: number): Promise<Socket | undefined> {
  if (host === undefined) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const socket = tcpConnect({ host, port, timeout: 5000 });
    const failed = () => {
      socket.destroy();
      resolve(dial(others, port));
    };
    socket.once('error', failed);
    socket.once('timeout', failed);
    socket.once('connect', () => {
      socket.off('error', failed);
      socket.off('timeout', failed);
      socket.setTimeout(0);
      resolve(socket);
    });
  });
}

/** A machine that cannot be reached is not watched, but works all the same. */
async function connect({ hosts, port, witness: witnessPort, token: word }: WatchdogAddress): Promise<void> {
  const near = processes[rank]!.host === processes[0]!.host ? ['127.0.0.1', ...hosts] : hosts;
  if (witnessPort !== undefined) {
    witnessSocket = await dial(near, witnessPort);
    witnessSocket?.on('error', () => undefined);
    witnessSocket?.write(`${word} ${rank}\n`);
  }
  if (rank === 0) return say({ connected: true });
  const socket = await dial(near, port);
  if (socket) {
    socket.write(`${word} ${rank}\n`);
    places[0] = heardFrom('0 0 0', undefined, Date.now());
    listen(socket, 0);
  }
  say({ connected: socket !== undefined });
}

parentPort!.on('message', (message: ToWatchdog) => {
  if (message === 'stop') stop();
  else connect(message.connect);
});

function stop(): void {
  stopping = true;
  clearInterval(timer);
  for (const socket of sockets) socket.end(`${BYE}\n`);
  witnessSocket?.end(`${BYE}\n`);
  server?.close();
  parentPort!.close();
  setTimeout(() => process.exit(), INTERVAL).unref(); // of this thread: whoever does not close is not waited for
}

const timer = setInterval(() => {
  for (const socket of sockets) socket.write(`${ownLine()}\n`);
  check();
}, INTERVAL);
if (rank === 0) serve();
