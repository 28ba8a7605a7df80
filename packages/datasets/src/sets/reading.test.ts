import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { failure, temporaryFolder } from '../testing/files.js';
import { WAV, wavs, writeTree } from '../testing/tree.js';
import { DATA_SETS, dataSet } from './index.js';
import { hasDataSet } from './locate.js';
import { type Row, type RowsOptions, readRows } from './rows.js';

const folder = temporaryFolder();
const ESC50_HEADER = 'filename,fold,target,category,esc10,src_file,take\n';
const esc50Row = (name: string, fold = 1) => `${name},${fold},0,dog,True,1,A\n`;

describe('the table of data sets', () => {
  it('is consistent', () => {
    const names = new Map<string, string>();
    for (const [id, set] of Object.entries(DATA_SETS)) {
      expect(set.id).toBe(id);
      expect(set.layout.length, id).toBeGreaterThan(0);
      expect(set.source.url, id).toMatch(/^https?:/);
      for (const { needs, official } of Object.values(set.splits)) {
        expect(needs.length, id).toBeGreaterThan(0);
        expect(official === null || official > 0, id).toBe(true);
      }
      if (set.folds?.sizes) {
        const total = Object.values(set.splits).reduce((sum, { official }) => sum + (official ?? 0), 0);
        expect(
          set.folds.sizes.reduce((sum, size) => sum + size, 0),
          id,
        ).toBe(total);
        expect(set.folds.sizes, id).toHaveLength(set.folds.count);
      }
      if (set.classes) expect(new Set(set.classes).size, id).toBe(set.classes.length);
      if (set.isPart) continue; // it lies in the folder of the whole
      for (const name of set.folders) {
        const key = name.toLowerCase().replace(/[^a-z0-9]/g, '');
        expect(names.get(key) ?? id, `${id} and another set are both looked for in ${name}`).toBe(id);
        names.set(key, id);
      }
    }
  });

  it('has the number of classes that the data have', () => {
    const classes = Object.fromEntries(
      Object.values(DATA_SETS).flatMap(({ id, classes: list }) => (list ? [[id, list.length]] : [])),
    );
    expect(classes).toEqual({
      esc50: 50,
      'esc50-actions': 10,
      urbansound8k: 10,
      'dcase17-task4': 17,
      'gtzan-music-speech': 2,
      'gtzan-genres': 10,
      'beijing-opera': 4,
      nsynth: 11,
      tut2017: 15,
      'crema-d': 6,
      ravdess: 8,
      vocalsound: 6,
      sesa: 4,
      fsdd: 10,
      cochlscene: 13,
      'msp-podcast': 10,
      meld: 7,
    });
  });

  it('knows no other set', () => {
    expect(() => dataSet('toString')).toThrow('"toString" is no known data set');
  });
});

describe('a data set that is not there', () => {
  it('says which archive, from where, and the layout', async () => {
    const error = await failure(DATA_SETS.esc50.read(folder()));
    expect(error.code).toBe('E_NOT_FOUND');
    expect(error.line).toBe(
      `E_NOT_FOUND ${folder()}: holds no ESC-50: looked for ESC-50/; get ESC-50-master.zip from https://github.com/karolpiczak/ESC-50 and unpack it; expected layout: meta/esc50.csv, audio/1-100032-A-0.wav`,
    );
    expect(await hasDataSet(DATA_SETS.esc50, folder())).toBe(false);
  });

  it('says so for a root that does not exist, or is a file', async () => {
    expect((await failure(DATA_SETS.esc50.read(join(folder(), 'no')))).code).toBe('E_NOT_FOUND');
    await writeFile(join(folder(), 'file'), '');
    expect((await failure(DATA_SETS.esc50.read(join(folder(), 'file')))).message).toBe(
      'is a file, not a folder',
    );
  });

  it('names what a half-unpacked one lacks', async () => {
    await writeTree(folder(), { 'ESC-50-master/meta/esc50.csv': ESC50_HEADER });
    expect((await failure(DATA_SETS.esc50.read(folder()))).message).toBe(
      'the split "all" of ESC-50 is not unpacked in full: lacks audio',
    );
    await mkdir(join(folder(), 'ESC-50-master/audio'));
    expect((await failure(DATA_SETS.esc50.read(folder()))).message).toBe(
      'no usable item of ESC-50 in 0 rows',
    );
    await writeTree(folder(), { 'ESC-50-master/meta/esc50.csv': ESC50_HEADER + esc50Row('a.wav') });
    expect((await failure(DATA_SETS.esc50.read(folder()))).line).toMatch(
      /^E_NOT_FOUND .*ESC-50-master: none of 1 recordings of ESC-50 is there; unpack ESC-50-master\.zip .*"audio\/a\.wav" does not exist$/,
    );
  });

  it('is an error only for the split that is asked for', async () => {
    await writeTree(folder(), {
      'FSD50K.ground_truth/eval.csv': 'fname,labels,mids\n5,Dog,/m/2\n',
      'FSD50K.ground_truth/vocabulary.csv': '1,Dog,/m/2\n',
      ...wavs('FSD50K.eval_audio/5.wav'),
    });
    const { items, splits } = await DATA_SETS.fsd50k.read(folder());
    expect([items.length, splits]).toEqual([1, ['eval']]);
    const error = await failure(DATA_SETS.fsd50k.read(folder(), { split: 'train' }));
    expect(error.line).toMatch(
      /lacks FSD50K.ground_truth\/dev.csv; FSD50K.dev_audio; get FSD50K.dev_audio.z01 … z05,/,
    );
    expect((await failure(DATA_SETS.fsd50k.read(folder(), { split: 'dev' }))).code).toBe('E_USAGE');
    expect(await DATA_SETS.fsd50k.vocabulary(folder())).toEqual(['Dog']);
  });
});

describe('the folder of a data set', () => {
  it.each(['ESC-50', 'esc_50', 'ESC-50-master', 'esc50-like', 'ESC-50/ESC-50-master'])(
    'may be called %s',
    async (name) => {
      await writeTree(folder(), {
        [`${name}/meta/esc50.csv`]: ESC50_HEADER + esc50Row('a.wav'),
        ...wavs(`${name}/audio/a.wav`),
      });
      expect((await DATA_SETS.esc50.read(folder())).folder).toBe(join(folder(), name));
    },
  );

  it('is not left: links out of it, and names that lead out', async () => {
    await writeTree(folder(), {
      'secret.wav': WAV,
      'ESC-50/meta/esc50.csv':
        ESC50_HEADER +
        ['link.wav', '../../secret.wav', 'inner.wav', 'dir.wav', 'a.wav']
          .map((name) => esc50Row(name))
          .join(''),
      ...wavs('ESC-50/audio/a.wav', 'ESC-50/audio/dir.wav/x'),
    });
    await symlink(join(folder(), 'secret.wav'), join(folder(), 'ESC-50/audio/link.wav'));
    await symlink('a.wav', join(folder(), 'ESC-50/audio/inner.wav'));
    const { items, problems } = await DATA_SETS.esc50.read(folder());
    expect(items.map(({ id }) => id)).toEqual(['inner.wav', 'a.wav']);
    expect(problems.map(({ kind, line }) => [kind, line])).toEqual([
      ['outside-root', 2],
      ['outside-root', 3],
      ['missing-audio', 5],
    ]);
  });

  it('may hold recordings in another format; the name as written wins', async () => {
    await writeTree(folder(), {
      'meta/esc50.csv': ESC50_HEADER + esc50Row('a.wav') + esc50Row('b.wav') + esc50Row('c.10.wav'),
      ...wavs('audio/a.flac', 'audio/b.flac', 'audio/b.wav', 'audio/c.10.ogg'),
    });
    const { items, unused } = await DATA_SETS.esc50.read(folder());
    expect(items.map(({ audio }) => audio.split('/').at(-1))).toEqual(['a.flac', 'b.wav', 'c.10.ogg']);
    expect(unused).toEqual(['audio/b.flac']);
  });
});

describe('folds', () => {
  it('select items, and are refused beyond their number', async () => {
    await writeTree(folder(), {
      'meta/esc50.csv': ESC50_HEADER + esc50Row('a.wav', 1) + esc50Row('b.wav', 2),
      ...wavs('audio/a.wav', 'audio/b.wav'),
    });
    const { items } = await DATA_SETS.esc50.read(folder(), { fold: 2 });
    expect(items.map(({ id }) => id)).toEqual(['b.wav']);
    expect((await failure(DATA_SETS.esc50.read(folder(), { fold: 6 }))).line).toContain(
      'has no fold 6; folds are 1 … 5',
    );
  });

  it('that are not published keep actors together and classes even', async () => {
    const names = Array.from({ length: 10 }, (_, actor) =>
      ['ANG', 'SAD'].map((emotion) => `AudioWAV/10${actor + 10}_DFA_${emotion}_XX.wav`),
    ).flat();
    await writeTree(folder(), wavs(...names));
    const { items } = await DATA_SETS['crema-d'].read(folder());
    const actors = new Set(items.map(({ id, fold }) => `${id.slice(0, 4)} in ${fold}`));
    expect(actors.size).toBe(10);
    const sizes = [1, 2, 3, 4, 5].map((n) => items.filter(({ fold }) => fold === n).length);
    expect(sizes).toEqual([4, 4, 4, 4, 4]);

    await writeTree(
      folder(),
      wavs(...Array.from({ length: 20 }, (_, i) => `${i < 10 ? 'music' : 'speech'}_wav/${i}.wav`)),
    );
    const clips = (await DATA_SETS['gtzan-music-speech'].read(folder())).items;
    for (let n = 1; n <= 10; n++)
      expect(clips.filter(({ fold }) => fold === n).flatMap(({ labels }) => labels)).toEqual([
        'music',
        'speech',
      ]);
  });
});

describe('readRows', () => {
  const read = async (content: string | Uint8Array, options: RowsOptions = {}) => {
    const path = join(folder(), 'table.csv');
    await writeFile(path, content);
    const rows: Row[] = [];
    const problems: string[] = [];
    for await (const row of readRows(path, options, ({ line, message }) =>
      problems.push(`${line}: ${message}`),
    ))
      rows.push(row);
    return { rows, problems };
  };

  it('goes on after a quote that is never closed', async () => {
    const good = Array.from({ length: 1500 }, (_, i) => `x${i},y`).join('\n');
    const { rows, problems } = await read(`a,b\n"torn,y\n${good}\n"end`);
    expect(rows).toHaveLength(1500);
    expect(rows[0]?.line).toBe(3);
    expect(problems).toEqual([
      '2: cannot be read: a quote is never closed',
      '1503: cannot be read: a quote is never closed',
    ]);
  });

  it('keeps fields over several lines, with the line they begin at', async () => {
    const { rows } = await read('a,b\r\n1,"x\r\ny ""z"""\r\n\r\n2,w');
    expect(rows.map((row) => [row.line, row.text('a'), row.text('b')])).toEqual([
      [2, '1', 'x\ny "z"'],
      [5, '2', 'w'],
    ]);
  });

  it('tells bad rows and reads the others', async () => {
    const { rows, problems } = await read('a,b\n1,2\n1,2,3\n"x" y,2\n4\0,5\n6,7\n');
    expect(rows.map((row) => row.text('a'))).toEqual(['1', '6']);
    expect(problems.map((problem) => problem.slice(0, 24))).toEqual([
      '3: has 3 columns, expect',
      '4: cannot be read: a quo',
      '5: column 1 holds a NUL ',
    ]);
  });

  it('refuses a file that cannot be read as a whole', async () => {
    expect((await failure(read(''))).message).toMatch(/^has no header/);
    expect((await failure(read('a,b\n', { needs: ['c'] }))).message).toBe('lacks the column c; found a, b');
    expect((await failure(read(Buffer.from('a,b\ncafé,1\n', 'latin1')))).message).toBe('is not UTF-8');
    const { rows } = await read(Buffer.from('a,b\ncafé,1\n', 'latin1'), { encoding: 'utf-8 or latin-1' });
    expect(rows[0]?.text('a')).toBe('café');
    const utf8 = await read('a,b\ncafé,1\n', { encoding: 'utf-8 or latin-1' });
    expect(utf8.rows[0]?.text('a')).toBe('café');
  });
});
