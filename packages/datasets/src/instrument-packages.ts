/**
 * An npm package `tonejs-instrument-NAME-mp3` of recorded notes: one MP3 per note, named after its pitch (As3 is
 * A#3).
 */
export interface InstrumentPackage {
  /** NAME */
  readonly name: string;
  /** The version that was checked. */
  readonly version: string;
  /** The instrument in words that a text model knows. */
  readonly instrument: string;
  /** Recordings in the package. */
  readonly files: number;
  /** Files that are not used. */
  readonly skipped?: readonly string[];
  /** What a file sounds whose name tells another pitch. */
  readonly sounds?: Readonly<Record<string, string>>;
}

export function npmName(name: string): string {
  return `tonejs-instrument-${name}-mp3`;
}

/**
 * 13 instruments, 260 notes. Every file was decoded, and its pitch estimated by autocorrelation and, where that
 * disagreed with the name, by its spectrum; the entries say what was found.
 *
 * The harp stands for what the others lack, plucked open strings over six octaves; its 23 notes, all labelled right,
 * are near the middle of the other counts (10 … 37). Left out: the piano (85 notes would be a quarter of the whole),
 * tuba and xylophone (9 and 8 notes: two test notes each), the electric guitar (a fourth plucked instrument with
 * frets), french horn (10), organ and harmonium (stops sound in other octaves than the keys).
 */
export const INSTRUMENTS: readonly InstrumentPackage[] = [
  { name: 'guitar-acoustic', version: '1.1.2', instrument: 'acoustic guitar', files: 37 },
  {
    name: 'cello',
    version: '1.1.1',
    instrument: 'cello',
    files: 37,
    skipped: ['F2 v2', 'G2 v2'], // second takes of notes that are there
    sounds: { As4: 'B4' }, // another recording than B4's
  },
  { name: 'saxophone', version: '1.1.2', instrument: 'saxophone', files: 32 },
  {
    name: 'guitar-nylon',
    version: '1.1.1',
    instrument: 'classical guitar',
    files: 29,
    sounds: { D5: 'D#5' }, // 622 Hz
  },
  { name: 'harp', version: '1.1.1', instrument: 'harp', files: 23 },
  { name: 'bass-electric', version: '1.1.2', instrument: 'electric bass', files: 17 },
  { name: 'trombone', version: '1.1.2', instrument: 'trombone', files: 17 },
  { name: 'violin', version: '1.1.1', instrument: 'violin', files: 15 },
  { name: 'contrabass', version: '1.1.2', instrument: 'double bass', files: 13 },
  {
    name: 'clarinet',
    version: '1.1.2',
    instrument: 'clarinet',
    files: 11,
    sounds: { Fs6: 'F6' }, // 1397 Hz
  },
  {
    name: 'trumpet',
    version: '1.1.2',
    instrument: 'trumpet',
    files: 11,
    sounds: { As3: 'A#4', C3: 'C4' }, // an octave higher: partials at multiples of 466 and 261 Hz only
  },
  { name: 'flute', version: '1.1.2', instrument: 'flute', files: 10 },
  { name: 'bassoon', version: '1.1.2', instrument: 'bassoon', files: 10 },
];
