import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PengiError, printable } from '@pengi/core';
import { fileError } from '@pengi/core/node';
import { INSTRUMENTS, type InstrumentPackage, npmName } from './instrument-packages.js';
import { parsePitch } from './pitch.js';

/** A recording of one note. */
export interface Note {
  /** Unique, such as "violin/As3"; it keeps the file's name, also where that tells a wrong pitch. */
  readonly id: string;
  /** The audio file. */
  readonly audio: string;
  /** In words: "violin", "acoustic guitar". */
  readonly instrument: string;
  /** The npm package. */
  readonly package: string;
  /** MIDI; what the recording sounds, not always what the file is called. */
  readonly pitch: number;
}

export interface InstrumentNotesOptions {
  /** The folder that an npm package is installed in; undefined when it is not. */
  readonly resolve?: (packageName: string) => string | undefined | Promise<string | undefined>;
  /** In place of `resolve`: the folder that the packages lie in, such as `node_modules`. */
  readonly root?: string;
  /** Which instruments, by their words; all of `INSTRUMENTS` by default. */
  readonly instruments?: readonly string[];
}

/**
 * The recorded notes of the npm packages `tonejs-instrument-NAME-mp3`, in the order of `INSTRUMENTS` and of the
 * pitches that the files are called.
 * @throws PengiError E_USAGE for an unknown instrument or when neither `resolve` nor `root` is given; E_DATA when
 *   packages are missing (with the npm command), of another version than the table was checked with, or lack files
 */
export async function instrumentNotes(options: InstrumentNotesOptions): Promise<Note[]> {
  const wanted = select(options.instruments);
  const resolve = resolver(options);
  const folders = await Promise.all(wanted.map(({ name }) => resolve(npmName(name))));
  const contents = await Promise.all(folders.map((folder) => folder && versionIn(folder)));

  const missing = wanted.filter((_, i) => !contents[i]);
  if (missing.length > 0)
    throw new PengiError('E_DATA', `not installed: ${missing.map(({ name }) => npmName(name)).join(', ')}`, {
      hint: `run ${installCommand(missing)}`,
    });
  const other = wanted.flatMap((one, i) =>
    contents[i] === one.version ? [] : [{ one, found: contents[i] ?? '' }],
  );
  if (other.length > 0)
    throw new PengiError(
      'E_DATA',
      `${other.map(({ one, found }) => `${npmName(one.name)} is ${printable(found, 40)}, wanted ${one.version}`).join('; ')}: its labels are checked for that version only`,
      { hint: `run ${installCommand(other.map(({ one }) => one))}` },
    );
  return (await Promise.all(wanted.map((one, i) => notesIn(one, folders[i] ?? '')))).flat();
}

/** The packages have a peer dependency on a synthesiser that nothing here needs. */
function installCommand(packages: readonly InstrumentPackage[]): string {
  const names = packages.map(({ name, version }) => `${npmName(name)}@${version}`);
  return `npm install --legacy-peer-deps --ignore-scripts ${names.join(' ')}`;
}

function select(instruments: readonly string[] | undefined): readonly InstrumentPackage[] {
  const known = INSTRUMENTS.map(({ instrument }) => instrument);
  const unknown = instruments?.filter((instrument) => !known.includes(instrument)) ?? [];
  if (unknown.length > 0)
    throw new PengiError(
      'E_USAGE',
      `unknown instrument ${unknown.map((name) => `"${printable(name, 40)}"`).join(', ')}`,
      {
        hint: `known are ${known.join(', ')}`,
      },
    );
  return INSTRUMENTS.filter(
    ({ instrument }) => instruments === undefined || instruments.includes(instrument),
  );
}

function resolver({ resolve, root }: InstrumentNotesOptions): NonNullable<InstrumentNotesOptions['resolve']> {
  if (resolve) return resolve;
  if (root !== undefined) return (packageName) => join(root, packageName);
  throw new PengiError('E_USAGE', 'instrumentNotes needs `resolve` or `root` to find the packages');
}

/** Undefined when the folder holds no package. */
async function versionIn(folder: string): Promise<string | undefined> {
  try {
    const { version } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as {
      version?: unknown;
    };
    return String(version);
  } catch {
    return undefined;
  }
}

async function notesIn(one: InstrumentPackage, folder: string): Promise<Note[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    throw fileError(error, folder, 'read');
  });
  const stems = names.flatMap((name) => (name.endsWith('.mp3') ? [name.slice(0, -'.mp3'.length)] : []));
  if (stems.length !== one.files)
    throw new PengiError('E_DATA', `holds ${stems.length} recordings, expected ${one.files}`, {
      file: folder,
      hint: `delete the folder and run ${installCommand([one])}`,
    });
  return stems
    .filter((stem) => !one.skipped?.includes(stem))
    .map((stem) => ({ stem, written: parsePitch(stem) }))
    .sort((a, b) => a.written - b.written)
    .map(({ stem, written }) => ({
      id: `${one.name}/${stem}`,
      audio: join(folder, `${stem}.mp3`),
      instrument: one.instrument,
      package: npmName(one.name),
      pitch: one.sounds?.[stem] === undefined ? written : parsePitch(one.sounds[stem]),
    }));
}
