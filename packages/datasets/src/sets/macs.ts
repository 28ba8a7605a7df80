import { join } from 'node:path';
import { PengiError, printable } from '@pengi/core';
import { parse } from 'yaml';
import { z } from 'zod';
import { defineDataSet } from './data-set.js';

const FILE = 'MACS.yaml';
const TAU = 'TAU-urban-acoustic-scenes-2019-development';
const Clip = z.object({
  filename: z.string(),
  annotations: z.array(z.object({ sentence: z.string(), tags: z.array(z.string()).optional() })),
});

export const macs = defineDataSet({
  id: 'macs',
  title: 'MACS: multi-annotator captioned soundscapes',
  licence: 'Tampere University, non-commercial',
  source: {
    url: 'https://zenodo.org/records/5114771 and https://zenodo.org/records/2589280',
    archives: [FILE, `${TAU}.audio.1 … 21.zip`],
  },
  folders: ['MACS'],
  layout: [FILE, `${TAU}/audio/*.wav`],
  // as counted in the README of aac-datasets
  splits: { all: { official: 3930, needs: [FILE, [`${TAU}/audio`, 'audio']] } },
  notes: ['has no splits: all of it is training data'],
  async *readSplit(source) {
    for (const value of filesOf(await source.text(FILE), join(source.folder, FILE))) {
      const clip = Clip.safeParse(value);
      if (!clip.success) {
        const [issue] = clip.error.issues;
        const name = (value as { filename?: unknown } | null)?.filename;
        source.problem({
          kind: 'bad-row',
          file: FILE,
          message: `"${printable(String(name), 80)}": ${issue?.path.join('.')}: ${issue?.message}`,
        });
        continue;
      }
      const { filename, annotations } = clip.data;
      yield {
        id: filename,
        at: { file: FILE },
        audio: [`${TAU}/audio/${filename}`, `audio/${filename}`],
        captions: annotations.map(({ sentence }) => sentence),
        labels: [...new Set(annotations.flatMap(({ tags = [] }) => tags))],
      };
    }
  },
});

/** The value of the key "files". Aliases are refused: a few lines of them can unfold to gigabytes. */
function filesOf(text: string, file: string): unknown[] {
  try {
    const files: unknown = (
      parse(text, { maxAliasCount: 0, schema: 'failsafe' }) as { files?: unknown } | null
    )?.files;
    if (Array.isArray(files)) return files;
  } catch (cause) {
    throw new PengiError('E_DATA', 'is no valid YAML: is it there in full?', { file, cause });
  }
  throw new PengiError('E_DATA', 'has no list "files"', { file });
}
