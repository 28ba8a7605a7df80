/** Lines for people, and the dashboard that may stand below them. */
import { createDashboard, isLive } from '@pengi/train';

let live: ReturnType<typeof createDashboard> | undefined;

/** A line on stdout or stderr; above the dashboard while one is drawn. */
export function writeLine(stream: 'stdout' | 'stderr', line: string): void {
  if (live && process[stream].isTTY) live.line(line);
  else process[stream].write(`${line}\n`);
}

/** A dashboard on stderr until it is closed; undefined where none can be drawn. */
export function openDashboard(title: string): ReturnType<typeof createDashboard> | undefined {
  if (!isLive(process.stderr)) return undefined;
  const dashboard = createDashboard({ title });
  live = dashboard;
  return {
    ...dashboard,
    close() {
      dashboard.close();
      if (live === dashboard) live = undefined;
    },
  };
}
