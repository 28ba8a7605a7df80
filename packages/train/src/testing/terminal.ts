/** A terminal to test with: xterm's own, without a window. */
import { Terminal } from '@xterm/headless';
import type { TerminalStream } from '../dashboard/screen.js';

export interface TestTerminal extends TerminalStream {
  /** What is on the screen and above it, without blanks at the ends. */
  text(): Promise<string>;
  resize(columns: number, rows: number): void;
  /** How many listen to its size. */
  listeners(): number;
  /** All that was written. */
  readonly written: string;
}

export function testTerminal(columns: number, rows: number, colours = false): TestTerminal {
  const terminal = new Terminal({
    cols: columns,
    rows,
    convertEol: true,
    scrollback: 1000,
    allowProposedApi: true,
  });
  const listeners = new Set<() => void>();
  let written = '';
  const settled = () => new Promise<void>((resolve) => terminal.write('', resolve));
  const lines = () => {
    const { active } = terminal.buffer;
    return Array.from({ length: active.length }, (_, i) => active.getLine(i)!.translateToString(true));
  };
  return {
    isTTY: true,
    get columns() {
      return terminal.cols;
    },
    get rows() {
      return terminal.rows;
    },
    get written() {
      return written;
    },
    hasColors: () => colours,
    write(text) {
      written += text;
      terminal.write(text);
    },
    on: (_, listener) => listeners.add(listener),
    off: (_, listener) => listeners.delete(listener),
    listeners: () => listeners.size,
    resize(to, high) {
      terminal.resize(to, high);
      for (const listener of listeners) listener();
    },
    async text() {
      await settled();
      return lines().join('\n').trimEnd();
    },
  };
}
