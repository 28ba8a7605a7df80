import type { StartProgress } from '../progress.js';

/** Work that is over sooner than this stays unmentioned. */
const QUIET_MS = 2000;
const TTY_EVERY_MS = 100;
const LOG_EVERY_MS = 5000;

/** Progress on stderr: a bar on a terminal, otherwise a plain line now and then. Nothing for work under two seconds. */
export const stderrProgress: StartProgress = (label) => {
  const stream = process.stderr;
  const start = performance.now();
  let last = start;
  let shown = false;

  return {
    update(done, total, note) {
      const now = performance.now();
      if (now - start < QUIET_MS || now - last < (stream.isTTY ? TTY_EVERY_MS : LOG_EVERY_MS)) return;
      last = now;
      shown = true;
      const line = describe(label, (now - start) / 1000, done, total, note, stream.isTTY === true);
      stream.write(stream.isTTY ? `\r\x1b[2K${line.slice(0, (stream.columns ?? 100) - 1)}` : `${line}\n`);
    },
    end(note) {
      if (!shown) return;
      const seconds = ((performance.now() - start) / 1000).toFixed(1);
      stream.write(
        `${stream.isTTY ? '\r\x1b[2K' : ''}${label}: done in ${seconds} s${note ? `, ${note}` : ''}\n`,
      );
    },
  };
};

function describe(
  label: string,
  elapsed: number,
  done: number,
  total: number | undefined,
  note: string | undefined,
  bar: boolean,
): string {
  const tail = note ? `  ${note}` : '';
  if (!total) return `${label}: ${done}${tail}`;
  const share = Math.min(1, done / total);
  const left = share > 0 ? ` ${formatSeconds((elapsed * (1 - share)) / share)} left` : '';
  const filled = Math.round(share * 20);
  const drawn = bar ? ` [${'#'.repeat(filled)}${'.'.repeat(20 - filled)}]` : '';
  return `${label}:${drawn} ${done}/${total}${left}${tail}`;
}

/** 75 -> "1:15", 4000 -> "1:06:40" */
export function formatSeconds(seconds: number): string {
  const whole = Math.round(seconds);
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const shown = parts[0] === 0 ? parts.slice(1) : parts;
  return shown.map((part, i) => (i === 0 ? String(part) : String(part).padStart(2, '0'))).join(':');
}
