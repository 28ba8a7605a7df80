/** The lines at the end of a terminal's output that are drawn anew in place. */
import stringWidth from 'string-width';

/** What of a terminal is used. */
export interface TerminalStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  hasColors?(): boolean;
  on?(event: 'resize', listener: () => void): unknown;
  off?(event: 'resize', listener: () => void): unknown;
}

export interface Screen {
  readonly columns: number;
  readonly rows: number;
  /** Puts these lines in the place of the former ones. They must be fewer than the rows, and narrower than the columns. */
  draw(lines: readonly string[]): void;
  /** Text that stays, above the lines, which have to be drawn again. */
  above(text: string): void;
  /** The lines stay as they are; what comes next goes below them. */
  leave(): void;
}

/**
 * The cursor is never hidden and always left below the lines, so that whatever ends the process, the terminal is as it
 * should be.
 */
export function createScreen(stream: TerminalStream): Screen {
  let widths: number[] = [];
  // A terminal that has become narrower has broken the lines, which then take more rows.
  const rowsDrawn = () =>
    widths.reduce((sum, width) => sum + Math.max(1, Math.ceil(width / screen.columns)), 0);
  const toTop = () => (widths.length > 0 ? `\x1b[${rowsDrawn()}A\r` : '\r');
  const screen: Screen = {
    get columns() {
      return stream.columns ?? 80;
    },
    get rows() {
      return stream.rows ?? 24;
    },
    draw(lines) {
      // Line by line over the old ones and then the rest is cleared, so that nothing flickers.
      stream.write(`${toTop()}${lines.map((line) => `${line}\x1b[K\n`).join('')}\x1b[J`);
      widths = lines.map((line) => stringWidth(line));
    },
    above(text) {
      stream.write(`${toTop()}\x1b[J${text}\n`);
      widths = [];
    },
    leave() {
      widths = [];
    },
  };
  return screen;
}
