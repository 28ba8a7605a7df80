import { printable } from '@pengi/core';
import { z } from 'zod';
import { defineDataSet, type Source, type Split } from './data-set.js';
import { audioStem } from './finder.js';

/** The four sources, as the folders are called, with the numbers in the README of the repository. */
const SOURCES: Record<string, { json: string; audio: string; official: number }> = {
  AudioSet_SL: { json: 'as_final', audio: 'AudioSet_SL', official: 108317 },
  BBC_Sound_Effects: { json: 'bbc_final', audio: 'BBC_Sound_Effects', official: 31201 },
  FreeSound: { json: 'fsd_final', audio: 'FreeSound', official: 262300 },
  SoundBible: { json: 'sb_final', audio: 'SoundBible', official: 1232 },
};

/** The lists of clips that occur in evaluation sets, without "blacklist_exclude_". */
export const WAVCAPS_BLACKLISTS = ['all_ac', 'test_ac', 'ub8k_esc50_vggsound'] as const;

const jsonFile = (name: string) => `json_files/${name}/${SOURCES[name]!.json}.json`;

const split = (name: string): Split => ({
  official: SOURCES[name]!.official,
  needs: [jsonFile(name)],
  archives: [jsonFile(name), `Zip_files/${name}/`],
});

const Entries = z.object({ data: z.array(z.unknown()) });
const Entry = z.object({ id: z.union([z.string(), z.number()]), caption: z.string() });
const Ids = z.array(z.union([z.string(), z.number()]));
const Blacklist = z.union([Ids, z.record(z.string(), Ids)]);

export const wavCaps = defineDataSet({
  id: 'wavcaps',
  title: 'WavCaps',
  licence: 'for academic use only; audio by its source',
  source: {
    url: 'https://huggingface.co/datasets/cvssp/WavCaps',
    archives: [...Object.keys(SOURCES).map(jsonFile), 'blacklist/', 'Zip_files/'],
  },
  folders: ['WavCaps'],
  layout: [
    'json_files/{AudioSet_SL/as_final,BBC_Sound_Effects/bbc_final,FreeSound/fsd_final,SoundBible/sb_final}.json',
    'blacklist/blacklist_exclude_{all_ac,test_ac,ub8k_esc50_vggsound}.json (or json_files/blacklist/)',
    'waveforms/{source}_flac/{id}.flac (or {source}/)',
  ],
  splits: Object.fromEntries(Object.keys(SOURCES).map((name) => [name, split(name)])),
  audioVanishes: true,
  notes: ['items carry the blacklists that name them; by default no training pairs are made of those'],
  async *readSplit(source, name) {
    const blacklists = await readBlacklists(source);
    const { audio } = SOURCES[name]!;
    const folders = ['waveforms', 'audio', '.'].flatMap((top) => [`${top}/${audio}_flac`, `${top}/${audio}`]);
    const file = jsonFile(name);
    const { data } = await source.json(file, Entries);
    for (const [i, value] of data.entries()) {
      const entry = Entry.safeParse(value);
      if (!entry.success) {
        const [issue] = entry.error.issues;
        source.problem({
          kind: 'bad-row',
          file,
          message: `data.${i}: ${issue?.path.join('.')}: ${printable(issue?.message ?? '')}`,
        });
        continue;
      }
      const stem = audioStem(String(entry.data.id));
      const on = WAVCAPS_BLACKLISTS.filter((list) => blacklists.get(list)?.has(`${name}:${stem}`));
      yield {
        id: `${name}/${stem}`,
        at: { file },
        audio: folders.map((folder) => `${folder}/${stem}.flac`),
        captions: [entry.data.caption],
        sources: sourceOf(name, stem),
        ...(on.length > 0 && { blacklists: on }),
      };
    }
  },
});

function sourceOf(name: string, stem: string): string[] {
  if (name === 'FreeSound') return [`freesound:${stem}`];
  if (name === 'AudioSet_SL') return [`youtube:${stem.replace(/^Y/, '')}`]; // "YtzZtLrJSZGM.wav"
  if (name === 'BBC_Sound_Effects') return [`bbc:${stem}`];
  return [`soundbible:${stem}`];
}

/** "FreeSound:1234" by list. A list is an object of ids by source; ids without a source count for each of them. */
async function readBlacklists(source: Source): Promise<Map<string, Set<string>>> {
  const lists = new Map<string, Set<string>>();
  for (const list of WAVCAPS_BLACKLISTS) {
    const places = ['blacklist', 'json_files/blacklist'].map(
      (folder) => `${folder}/blacklist_exclude_${list}.json`,
    );
    const file = await source.first(places);
    if (file === undefined) {
      source.problem({
        kind: 'missing-list',
        file: places[0] as string,
        message: `the blacklist "${list}" is not there: nothing is marked by it`,
      });
      continue;
    }
    const found = await source.json(file, Blacklist);
    const bySource = Array.isArray(found)
      ? Object.fromEntries(Object.keys(SOURCES).map((name) => [name, found]))
      : found;
    lists.set(
      list,
      new Set(
        Object.entries(bySource).flatMap(([key, ids]) => {
          const name = Object.keys(SOURCES).find((known) => plain(known).startsWith(plain(key)));
          return name ? ids.map((id) => `${name}:${audioStem(String(id))}`) : [];
        }),
      ),
    );
  }
  return lists;
}

/** "AudioSet" stands for AudioSet_SL. */
function plain(name: string): string {
  return name.toLowerCase().replace(/[^a-z]/g, '');
}
