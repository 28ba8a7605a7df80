import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DATA_SETS } from '../sets/index.js';
import { all } from '../testing/clips.js';
import { temporaryFolder } from '../testing/files.js';
import { wavs, writeTree } from '../testing/tree.js';
import { evaluationSources, findLeaks, leakLines, withoutLeaks } from './leak-guard.js';
import { dataSetSource, listSource, manifestSource } from './list-source.js';

const folder = temporaryFolder();

function source(name: string, origins: readonly (readonly string[])[]) {
  const rows = origins.map((sources, i) => ({
    id: String(i),
    audio: `/${name}/${i}`,
    prompt: 'p',
    target: 't',
    sources,
  }));
  return listSource(rows, { name, root: '/' });
}

describe('what is known of evaluation sets', () => {
  it('without any copy is what their authors publish', async () => {
    const lists = await evaluationSources();
    expect(lists.map(({ name, from, owners }) => [name, from, owners.size])).toEqual([
      // The numbers of the sets themselves: 975 test clips of 975 videos, 488 and 1103 files, 1524 and 1297 recordings.
      ['audiocaps', 'published', 975],
      ['dcase17-task4', 'published', 488 + 1103],
      ['esc50', 'published', 1524],
      ['urbansound8k', 'published', 1297],
    ]);
    for (const { owners } of lists)
      for (const source of owners.keys()) expect(source).toMatch(/^(freesound:\d+|youtube:[\w-]{11})$/);
  });

  it('with a copy is what its tables say, though no recording is there', async () => {
    await writeTree(folder(), {
      'ESC-50/meta/esc50.csv':
        'filename,fold,target,category,esc10,src_file,take\n1-7-A-0.wav,1,0,dog,True,7,A\n',
      'FSD50K/FSD50K.ground_truth/eval.csv': 'fname,labels,mids\n5,Dog,/m/2\n',
      'FSD50K/FSD50K.ground_truth/dev.csv': 'fname,labels,mids,split\n6,Dog,/m/2,train\n',
      'FSD50K/FSD50K.ground_truth/vocabulary.csv': '1,Dog,/m/2\n',
    });
    const lists = await evaluationSources(folder(), { except: ['audiocaps'] });
    expect(
      lists.map(({ name, from, owners }) => [name, from, owners.size > 1 ? owners.size : [...owners.keys()]]),
    ).toEqual([
      ['dcase17-task4', 'published', 1591],
      ['esc50', 'copy', ['freesound:7']],
      ['fsd50k', 'copy', ['freesound:5']],
      ['urbansound8k', 'published', 1297],
    ]);
    expect(await DATA_SETS.fsd50k.splitsIn(folder())).toEqual([]);
    expect([...(await DATA_SETS.fsd50k.sourcesIn(folder())).keys()]).toEqual(['train/6', 'eval/5']);
  });
});

describe('the leak guard of training', () => {
  const evaluation = [
    { name: 'esc50', from: 'given' as const, owners: new Map([['freesound:7', 'a.wav']]) },
    { name: 'audiocaps', from: 'given' as const, owners: new Map([['youtube:-a', 'x']]) },
  ];

  it('leaves out what is in an evaluation set, and tells it and what cannot be compared', async () => {
    const one = source('one', [['freesound:7'], ['freesound:77'], [], ['youtube:-a', 'freesound:7']]);
    const two = source('two', [['freesound:1'], ['youtube:a']]);
    const check = await findLeaks([one, two], evaluation);
    const kept = withoutLeaks([one, two], check);
    expect(check.leaks).toEqual([
      { training: 'one/0', source: 'freesound:7', evaluation: 'esc50', item: 'a.wav' },
      { training: 'one/3', source: 'youtube:-a', evaluation: 'audiocaps', item: 'x' },
      { training: 'one/3', source: 'freesound:7', evaluation: 'esc50', item: 'a.wav' },
    ]);
    expect(check.counts).toEqual([
      { name: 'one', examples: 4, leaking: 2, unknown: 1 },
      { name: 'two', examples: 2, leaking: 0, unknown: 0 },
    ]);
    expect((await all(kept[0]!.entries())).map(({ id }) => id)).toEqual(['1', '2']);
    expect(kept[1]).toBe(two);
    expect(leakLines(check, evaluation)).toEqual([
      'compared with esc50, audiocaps',
      'one: 2 of 4 examples are of recordings in esc50, audiocaps',
      'one: of 1 of 4 examples it is not known where they come from',
    ]);
    const leaky = [source('all', [['freesound:7']])];
    const found = await findLeaks(leaky, evaluation);
    expect(() => withoutLeaks(leaky, found)).toThrow(expect.objectContaining({ code: 'E_DATA' }));
  });

  it('knows a recording of ESC-50 by its published id, in a manifest and in a data set', async () => {
    await writeTree(folder(), {
      'train.csv': 'audio,prompt,target,sources\na.wav,p,t,freesound:17150 x:1\nb.wav,p,t,\n',
      'freesound/manifest.csv': 'audio,caption,id\nx.wav,A dog,17150\ny.wav,Rain,1\n',
      ...wavs('a.wav', 'b.wav', 'freesound/x.wav', 'freesound/y.wav'),
    });
    const sources = [
      await manifestSource(join(folder(), 'train.csv')),
      await dataSetSource('freesound', folder()),
    ];
    const { leaks, counts } = await findLeaks(sources, await evaluationSources());
    expect(leaks.map(({ training, evaluation: set }) => `${training} ${set}`)).toEqual([
      'train/a.wav esc50',
      'freesound/x.wav esc50',
    ]);
    expect(counts.map(({ unknown }) => unknown)).toEqual([1, 0]);
  });
});
