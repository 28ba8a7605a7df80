/** What NSynth says about a note. */
export interface NoteLabels {
  /** MIDI, 0 … 127. */
  readonly pitch: number;
  /** MIDI, 0 … 127; 25, 50, 75, 100 or 127 in the official files. */
  readonly velocity: number;
  /** As the set spells it: "synth_lead". */
  readonly family: string;
  /** "acoustic", "electronic" or "synthetic". */
  readonly source: string;
  /** As the set spells them: "fast_decay"; often none. */
  readonly qualities: readonly string[];
}

/** What FMA says about a track. */
export interface MusicLabels {
  /** Top-level genres in words, the track's main one first. */
  readonly genres: readonly string[];
  /** ISO 639-1, such as "en", where it is told. */
  readonly language?: string;
  readonly tags: readonly string[];
}

/** What a data set says about a recording; each set fills what it has, in its own spelling. */
export interface Annotations {
  /** Classes: events, the scene, the emotion, the instrument. */
  readonly labels?: readonly string[];
  readonly captions?: readonly string[];
  readonly question?: string;
  /** One per annotator, in lower case. */
  readonly answers?: readonly string[];
  readonly note?: NoteLabels;
  readonly music?: MusicLabels;
  /** A sentiment as a class, or as a real score in -3 … 3. */
  readonly sentiment?: string | number;
  /** The part of the recording that is meant, in seconds. */
  readonly start?: number;
  readonly end?: number;
  /**
   * Where the recording comes from, for the leak guard: "freesound:1234", "youtube:-abc", "clotho:name.wav". Two items that
   * share one are the same recording or parts of it.
   */
  readonly sources?: readonly string[];
  /** The set's own lists of items that some evaluation forbids to train on. */
  readonly blacklists?: readonly string[];
}

/** One example of a data set: a recording, or a question about one. */
export interface Item extends Annotations {
  /** Unique within the data set. */
  readonly id: string;
  /** Absolute; it lies within the data set's folder. */
  readonly audio: string;
  readonly split: string;
  /** Counted from 1: the fold that it is tested in. */
  readonly fold?: number;
}

/** Where a statement about an item stands. */
export interface Origin {
  /** Relative to the data set's folder. */
  readonly file: string;
  readonly line?: number;
}

/** What an adapter reads, before its audio is looked for. */
export interface Draft extends Annotations {
  readonly id: string;
  readonly at: Origin;
  /** Paths relative to the data set's folder, the likeliest first. The extension may be another one of audio files. */
  readonly audio: string | readonly string[];
  readonly fold?: number;
}

export const PROBLEMS = {
  'bad-row': 'a row or entry that cannot be read',
  'missing-audio': 'a row whose recording is not there',
  'outside-root': 'a path that leads out of the folder of the data set',
  'unknown-label': 'a label that is none of the classes',
  'empty-text': 'an empty caption, question or answer',
  duplicate: 'an item that is listed twice',
  'missing-split': 'a part of the data set that is not unpacked',
  'missing-list': 'a file that tells more of the items is not there',
  'bad-shard': 'a shard that cannot be read, or is not the one of its index',
  'missing-shard': 'a shard that was packed with the others and is not there',
  'extra-audio': 'a recording that no row names',
  undecodable: 'a recording that cannot be decoded',
  'duplicate-audio': 'two recordings with the same bytes',
} as const;

export type ProblemKind = keyof typeof PROBLEMS;

/** Something that keeps an item out, or is wrong with it. */
export interface Problem extends Partial<Origin> {
  readonly kind: ProblemKind;
  /** Printable, one line. */
  readonly message: string;
  readonly split?: string;
}

/** How many problems there are of each kind; kinds without any are left out. */
export function countProblems(problems: readonly Problem[]): Partial<Record<ProblemKind, number>> {
  const kinds = Object.keys(PROBLEMS) as ProblemKind[];
  const counts = kinds.map(
    (kind) => [kind, problems.filter((problem) => problem.kind === kind).length] as const,
  );
  return Object.fromEntries(counts.filter(([, count]) => count > 0));
}
