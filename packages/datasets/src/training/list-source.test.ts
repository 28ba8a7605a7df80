import { join } from 'node:path';
import { createRng } from '@pengi/core';
import { describe, expect, it } from 'vitest';
import { all } from '../testing/clips.js';
import { failure, temporaryFolder } from '../testing/files.js';
import { WAV, wavs, writeTree } from '../testing/tree.js';
import { dataSetSource, listSource, manifestSource } from './list-source.js';
import { type ExampleSource, holdOut } from './source.js';

const folder = temporaryFolder();

describe('a manifest as a source', () => {
  it('has an example for each row, or one for each recording with all that is said of it', async () => {
    await writeTree(folder(), {
      'm/train.csv':
        'audio,prompt,target,split,set,author\na.wav,p,one,train,,Ann\na.wav,p,two,train,other,\nb.wav,q,three,valid,,\n',
      ...wavs('m/a.wav', 'm/b.wav'),
    });
    const rows = await manifestSource(join(folder(), 'm/train.csv'));
    expect([rows.name, rows.length]).toEqual(['train', 3]);
    expect(await all(rows.entries())).toMatchObject([
      {
        set: 'train',
        id: 'a.wav',
        texts: [{ id: 'a.wav', target: 'one', fields: { author: 'Ann', split: 'train' } }],
      },
      { set: 'train', id: 'a.wav#3', texts: [{ target: 'two' }] },
      { id: 'b.wav', texts: [{ prompt: 'q', target: 'three' }] },
    ]);
    const clips = await manifestSource(join(folder(), 'm/train.csv'), { unit: 'clip', name: 'mine' });
    expect((await all(clips.entries())).map(({ set, id, texts }) => [set, id, texts.length])).toEqual([
      ['mine', 'a.wav', 2],
      ['mine', 'b.wav', 1],
    ]);
    const training = await manifestSource(join(folder(), 'm/train.csv'), { splits: ['train'] });
    expect(training.length).toBe(2);
    const example = await rows.read(1);
    expect([example.name, example.clip, (await rows.read(2)).clip]).toEqual(['a.wav', 0, 1]);
    expect(Buffer.from(await example.readAudio())).toEqual(Buffer.from(WAV));
  });

  it('tells which rows were left out', async () => {
    await writeTree(folder(), {
      'train.csv': 'audio,prompt,target\na.wav,p,t\nno.wav,p,t\n',
      ...wavs('a.wav'),
    });
    const path = join(folder(), 'train.csv');
    expect((await manifestSource(path, { skipBadRows: true })).notes).toEqual([
      expect.stringMatching(/train\.csv:3: left out: "no\.wav" does not exist/),
    ]);
    expect(await failure(manifestSource(path))).toMatchObject({ code: 'E_DATA' });
    expect(await failure(manifestSource(path, { skipBadRows: true, splits: ['x'] }))).toMatchObject({
      code: 'E_DATA',
    });
  });
});

describe('a data set as a source', () => {
  it('has the pairs of the training splits that are there, and tells what is left out', async () => {
    const header = 'file_name,caption_1,caption_2,caption_3,caption_4,caption_5\n';
    await writeTree(folder(), {
      'clotho/clotho_csv_files/clotho_captions_development.csv': `${header}Dog.wav,a,b,c,d,e\ngone.wav,a,b,c,d,e\n`,
      'clotho/clotho_csv_files/clotho_captions_evaluation.csv': `${header}Cat.wav,a,b,c,d,e\n`,
      ...wavs(
        'clotho/clotho_audio_files/development/Dog.wav',
        'clotho/clotho_audio_files/evaluation/Cat.wav',
      ),
    });
    const pairs = await dataSetSource('clotho', folder());
    expect([pairs.name, pairs.length]).toEqual(['clotho', 5]);
    expect(pairs.notes).toEqual(['clotho: missing-list: 1', 'clotho: missing-audio: 1']);
    const [first] = await all(pairs.entries());
    expect(first).toEqual({
      set: 'clotho',
      id: 'Dog.wav#1',
      clip: 0,
      file: join(folder(), 'clotho/clotho_audio_files/development/Dog.wav'),
      name: 'clotho_audio_files/development/Dog.wav',
      texts: [{ id: 'Dog.wav#1', prompt: 'generate audio caption', target: 'a' }],
      sources: ['clotho:Dog'],
    });
    expect((await dataSetSource('clotho', folder(), { unit: 'clip' })).length).toBe(1);
    expect(await failure(dataSetSource('esc50', folder()))).toMatchObject({ code: 'E_USAGE' });
    expect(await failure(dataSetSource('clotho', folder(), { splits: ['validation'] }))).toMatchObject({
      code: 'E_NOT_FOUND',
    });
  });

  it("come from labels and prompts of one's own, of some folds, where there is no template", async () => {
    const rows = ['1-a-A-0.wav,1,0,dog,True,a,A', '2-b-A-14.wav,2,14,chirping_birds,False,b,A'];
    await writeTree(folder(), {
      'ESC-50/meta/esc50.csv': `filename,fold,target,category,esc10,src_file,take\n${rows.join('\n')}\n`,
      ...wavs('ESC-50/audio/1-a-A-0.wav', 'ESC-50/audio/2-b-A-14.wav'),
    });
    const options = { name: 'sounds', prompts: ['p', 'q'], wording: { dog: 'a dog' } };
    const textsOf = async (source: ExampleSource) =>
      (await all(source.entries())).flatMap(({ texts }) => texts);
    const both = await dataSetSource('esc50', folder(), options);
    expect(both.name).toBe('sounds');
    expect((await textsOf(both)).map(({ prompt, target }) => [prompt, target])).toEqual([
      ['p', 'a dog'],
      ['q', 'a dog'],
      ['p', 'chirping birds'],
      ['q', 'chirping birds'],
    ]);
    const second = await dataSetSource('esc50', folder(), { ...options, folds: [2, 3] });
    expect((await textsOf(second)).map(({ target }) => target)).toEqual(['chirping birds', 'chirping birds']);
    expect(await failure(dataSetSource('esc50', folder(), { ...options, folds: [4] }))).toMatchObject({
      code: 'E_DATA',
    });
  });
});

describe('a list as a source', () => {
  it('has orders that the seed draws, and a fingerprint of its ids and texts', () => {
    const rows = Array.from({ length: 20 }, (_, i) => ({
      id: `${i}`,
      audio: `/${i}.wav`,
      prompt: 'p',
      target: `${i}`,
    }));
    const source = listSource(rows, { name: 'x', root: '/' });
    expect([...source.order(createRng(1))].toSorted((a, b) => a - b)).toEqual([...Array(20).keys()]);
    expect(source.order(createRng(1))).toEqual(source.order(createRng(1)));
    expect(source.order(createRng(1))).not.toEqual(source.order(createRng(2)));
    const elsewhere = rows.map((row) => ({ ...row, audio: `/moved${row.audio}` }));
    expect(listSource(elsewhere, { name: 'x', root: '/' }).fingerprint).toBe(source.fingerprint);
    expect(listSource(rows.slice(1), { name: 'x', root: '/' }).fingerprint).not.toBe(source.fingerprint);
    expect(listSource([...rows].reverse(), { name: 'x', root: '/' }).fingerprint).not.toBe(
      source.fingerprint,
    );
  });
});

describe('holdOut', () => {
  const rows = (split?: (i: number) => string) =>
    Array.from({ length: 20 }, (_, i) => ({
      id: `t${i}`,
      audio: `/clips/${i >> 1}.wav`, // two texts each
      prompt: 'p',
      target: `${i}`,
      ...(split && { fields: { split: split(i) } }),
    }));
  const source = (split?: (i: number) => string) => listSource(rows(split), { name: 's', root: '/clips' });
  const share = { share: 0.3, seed: 1 };

  it('draws recordings, not texts, by the seed', async () => {
    const { validation, unused } = await holdOut(source(), share);
    expect([validation.size, unused.size]).toEqual([6, 0]);
    for (const index of validation) expect(validation.has(index ^ 1)).toBe(true);
    expect(await holdOut(source(), share)).toEqual({ validation, unused });
    expect((await holdOut(source(), { ...share, seed: 2 })).validation).not.toEqual(validation);
    expect((await holdOut(source(), { share: 0, seed: 1 })).validation.size).toBe(0);
  });

  it('takes the rows that are marked, where any are, and leaves those of other splits out', async () => {
    const marked = source((i) => (i < 12 ? 'train' : i < 16 ? 'valid' : 'test'));
    expect(await holdOut(marked, share)).toEqual({
      validation: new Set([12, 13, 14, 15]),
      unused: new Set([16, 17, 18, 19]),
    });
  });
});
