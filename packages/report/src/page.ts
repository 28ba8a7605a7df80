import { createHash } from 'node:crypto';
import { type Html, html, trusted } from './html.js';
import { STYLE } from './style.js';

export interface Page {
  readonly title: string;
  /** What is in the body. */
  readonly body: Html;
  /** CSS beside that of all pages. */
  readonly style?: string;
  /** JavaScript; nothing else runs. */
  readonly script?: string;
  /** Whether sounds may also be files beside the page; default: they are within it. */
  readonly soundsBeside?: boolean;
}

/** A whole HTML document that needs nothing else: its content security policy forbids every request. */
export function htmlPage({ title, body, style = '', script, soundsBeside = false }: Page): string {
  const policy = [
    "default-src 'none'",
    'img-src data:',
    // "file:" is for a page that was opened from a disk
    `media-src data:${soundsBeside ? " file: 'self'" : ''}`,
    "style-src 'unsafe-inline'",
    ...(script === undefined ? [] : [`script-src 'sha256-${sha256(script)}'`]),
    "form-action 'none'",
    "base-uri 'none'",
  ];
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy.join('; ')}">
<title>${title}</title>
<style>${trusted(STYLE + style)}</style>
</head>
<body>
${body}${script === undefined ? '' : html`<script>${trusted(script)}</script>\n`}</body>
</html>
`.markup;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('base64');
}

/** Names and values; those that are undefined or null are left out, those that are no text are shown as JSON. */
export function definitions(values: Readonly<Record<string, unknown>>): Html {
  return html`<dl>
${Object.entries(values)
  .filter(([, value]) => value !== undefined && value !== null)
  .map(
    ([name, value]) =>
      html`<dt>${name}</dt><dd>${typeof value === 'string' ? value : JSON.stringify(value)}</dd>\n`,
  )}</dl>`;
}
