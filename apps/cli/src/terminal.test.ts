import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openDashboard, writeLine } from './terminal.js';

let written: string[];
const wasTerminal = process.stderr.isTTY;
beforeEach(() => {
  written = [];
  vi.stubEnv('TERM', 'xterm');
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => written.push(String(text)) > 0);
});
afterEach(() => {
  process.stderr.isTTY = wasTerminal;
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

const begun = { task: 'clap', dir: undefined, engine: '', steps: 9, from: 0, seconds: 0, lines: [] };

describe('lines for people', () => {
  it('go above a dashboard while there is one, which is drawn again below them', () => {
    process.stderr.isTTY = true;
    const dashboard = openDashboard('my clap')!;
    dashboard.begin?.(begun);
    written.length = 0;
    writeLine('stderr', 'pengi: careful');
    const text = written.join('');
    const [moved, drawn] = text.split('pengi: careful\n');
    expect(moved?.replaceAll('\x1b', 'ESC')).toMatch(/^ESC\[\d+A\rESC\[J$/); // up to the first line, and cleared
    expect(drawn).toContain('my clap');
    dashboard.close();
    written.length = 0;
    writeLine('stderr', 'afterwards');
    expect(written).toEqual(['afterwards\n']);
  });

  it('are plain where nothing can be drawn', () => {
    process.stderr.isTTY = false;
    expect(openDashboard('my clap')).toBeUndefined();
    writeLine('stderr', 'pengi: careful');
    expect(written).toEqual(['pengi: careful\n']);
  });
});
