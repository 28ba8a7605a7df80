/** Text as a terminal shows it. */
import { printable } from '@pengi/core';
import stringWidth from 'string-width';

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** Cut to so many columns; what is cut ends in an ellipsis. Without what could write elsewhere in a terminal. */
export function fit(text: string, columns: number): string {
  const clean = printable(text, 1000);
  if (stringWidth(clean) <= columns) return clean;
  let [kept, used] = ['', 0];
  for (const { segment } of graphemes.segment(clean)) {
    used += stringWidth(segment);
    if (used > columns - 1) break;
    kept += segment;
  }
  return columns > 0 ? `${kept}…` : '';
}

/** How many columns a text takes; characters of East Asia take two. */
export const columnsOf = stringWidth;

/** `fit`, and blanks up to so many columns. */
export function cell(text: string, columns: number): string {
  const fitted = fit(text, columns);
  return fitted + ' '.repeat(Math.max(0, columns - stringWidth(fitted)));
}

/** How texts stand out; on terminals without colours they are as they are. */
export interface Paint {
  bold(text: string): string;
  dim(text: string): string;
  good(text: string): string;
  bad(text: string): string;
  accent(text: string): string;
}

export function painter(colour: boolean): Paint {
  const code = (on: number) => (text: string) => (colour && text !== '' ? `\x1b[${on}m${text}\x1b[0m` : text);
  return { bold: code(1), dim: code(2), good: code(32), bad: code(31), accent: code(36) };
}
