import type { Span } from '@pengi/htsat';

export type { Span };

/** `7.0–14.0 s` */
export function spanText({ start, end }: Span): string {
  return `${start.toFixed(1)}–${end.toFixed(1)} s`;
}
