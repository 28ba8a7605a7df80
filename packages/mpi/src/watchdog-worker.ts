/** The watchdog's thread, see watchdog.ts. Rank 0 serves; the others connect. */
import { writeSync } from 'node:fs';
import { createServer, type Server, type Socket, connect as tcpConnect } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { PengiError } from '@pengi/core';
import { heardFrom, judge, type Loss, type Place } from './judge.js';
import {
  COLLECTIVES,
  type FromWatchdog,
  type ToWatchdog,
  type WatchdogAddress,
  type WatchdogData,
} from './watchdog.js';

const { rank, processes, silentSeconds, stuckSeconds, state, token } = workerData as WatchdogData;
const own = new Int32Array(state);

/** How often each process says where it is. */
const INTERVAL = 1000;
/** How long the main thread has to end the job after it was told to. */
const GRACE = 5000;
/** What a process says before it leaves as it should. */
const BYE = 'bye';

const places: (Place | undefined)[] = [];
const sockets = new Set<Socket>();
let server: Server | undefined;
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
      writeSync(2, `${lostError(lost).line}\n`);
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

function serve(): void {
  server = createServer((socket) => listen(socket, undefined));
  server.listen(0, () => {
    const addresses = Object.values(networkInterfaces()).flatMap((found) => found ?? []);
    const hosts = [
      hostname(),
      ...addresses.filter(({ internal }) => !internal).map(({ address }) => address),
    ];
    say({ listening: { hosts, port: (server!.address() as { port: number }).port } });
  });
}

/** Tries one address after the other. A machine that cannot be reached is not watched, but works all the same. */
function connect({ hosts: [host, ...others], port, token: word }: WatchdogAddress): void {
  if (host === undefined) {
    say({ connected: false });
    return;
  }
  const socket = tcpConnect({ host, port, timeout: 5000 });
  const failed = () => {
    socket.destroy();
    connect({ hosts: others, port, token: word });
  };
  socket.once('error', failed);
  socket.once('timeout', failed);
  socket.once('connect', () => {
    socket.off('error', failed);
    socket.off('timeout', failed);
    socket.setTimeout(0);
    socket.write(`${word} ${rank}\n`);
    places[0] = heardFrom('0 0 0', undefined, Date.now());
    listen(socket, 0);
    say({ connected: true });
  });
}

parentPort!.on('message', (message: ToWatchdog) => {
  if (message === 'stop') return stop();
  const { hosts, ...rest } = message.connect;
  const sameHost = processes[rank]!.host === processes[0]!.host;
  if (rank === 0) say({ connected: true });
  else connect({ hosts: sameHost ? ['127.0.0.1', ...hosts] : hosts, ...rest });
});

function stop(): void {
  stopping = true;
  clearInterval(timer);
  for (const socket of sockets) socket.end(`${BYE}\n`);
  server?.close();
  parentPort!.close();
  setTimeout(() => process.exit(), INTERVAL).unref(); // of this thread: whoever does not close is not waited for
}

const timer = setInterval(() => {
  for (const socket of sockets) socket.write(`${ownLine()}\n`);
  check();
}, INTERVAL);
if (rank === 0) serve();
