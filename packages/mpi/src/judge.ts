/** Who of the processes is lost: the watchdog's judgement, without clocks and sockets. */

/** Where a process was when it last said so. */
export interface Place {
  /** Milliseconds. */
  heard: number;
  /** Collectives begun. */
  sequence: number;
  /** Whether it is in the last of them. */
  inside: boolean;
  /** The kind of the last one. */
  collective: number;
  /** Since when `sequence` and `inside` are as they are, in milliseconds. */
  since: number;
  /** The connection has been lost, without a word. */
  gone: boolean;
}

export interface Loss {
  rank: number;
  reason: 'gone' | 'silent' | 'stuck';
  /** For how long, in whole seconds. */
  seconds: number;
  /** The furthest collective of any process: what the job stands at. */
  sequence: number;
  collective: number;
}

/** @param places by rank; undefined for processes that are not watched */
export function judge(
  places: readonly (Place | undefined)[],
  now: number,
  limits: { silentSeconds: number; stuckSeconds: number },
): Loss | undefined {
  const known = places.flatMap((place, rank) => (place ? [{ ...place, rank }] : []));
  if (known.length === 0) return undefined;
  const furthest = known.reduce((a, b) => (b.sequence > a.sequence ? b : a));
  const loss = (rank: number, reason: Loss['reason'], since: number): Loss => ({
    rank,
    reason,
    seconds: Math.floor((now - since) / 1000),
    sequence: furthest.sequence,
    collective: furthest.collective,
  });
  const gone = known.find((place) => place.gone);
  if (gone) return loss(gone.rank, 'gone', gone.heard);
  const silent = known.find(({ heard }) => now - heard > limits.silentSeconds * 1000);
  if (silent) return loss(silent.rank, 'silent', silent.heard);
  if (!furthest.inside || now - furthest.since <= limits.stuckSeconds * 1000) return undefined;
  const behind = known.find(({ sequence }) => sequence < furthest.sequence);
  return behind && loss(behind.rank, 'stuck', furthest.since);
}

/** The place after a message of the form `sequence inside collective`; undefined for anything else. */
export function heardFrom(line: string, before: Place | undefined, now: number): Place | undefined {
  const match = /^(\d{1,15}) ([01]) (\d{1,3})$/.exec(line);
  if (!match) return undefined;
  const [sequence, inside, collective] = [Number(match[1]), match[2] === '1', Number(match[3])];
  const same = before && before.sequence === sequence && before.inside === inside;
  return { heard: now, sequence, inside, collective, since: same ? before.since : now, gone: false };
}
