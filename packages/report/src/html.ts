import { printable } from '@pengi/core';

/** Text that is HTML already. Everything else is escaped when it is put into a page. */
export interface Html {
  readonly markup: string;
}

/** A template whose values are escaped, so that no text can become markup by being forgotten. Lists are joined. */
export function html(strings: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  return {
    markup: strings.reduce((page, string, i) => page + markupOf(values[i - 1] as HtmlValue) + string),
  };
}

export type HtmlValue = string | number | Html | readonly Html[];

/** Vouches for `markup`: it is put into the page as it is. */
export function trusted(markup: string): Html {
  return { markup };
}

/** For text and quoted attributes. Control characters, and those that turn the direction of writing, are made visible. */
export function escapeHtml(text: string): string {
  return printable(text, Number.POSITIVE_INFINITY)
    .replace(/[\ufffe\uffff]/g, '\ufffd') // XML has no way to write these
    .replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}

/** The bytes as a `data:` address. */
export function dataUri(mime: string, bytes: Uint8Array): Html {
  let binary = '';
  for (let i = 0; i < bytes.length; i += CHUNK)
    binary += String.fromCharCode(...bytes.subarray(i, i + CHUNK));
  return trusted(`data:${escapeHtml(mime)};base64,${btoa(binary)}`);
}

/** Few enough to be arguments of one call. */
const CHUNK = 0x2000;

function markupOf(value: HtmlValue): string {
  if (typeof value === 'string') return escapeHtml(value);
  if (typeof value === 'number') return String(value);
  return 'markup' in value ? value.markup : value.map(({ markup }) => markup).join('');
}
