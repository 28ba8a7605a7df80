import { describe, expect, it } from 'vitest';
import { temporaryFolder, toneWav } from '../testing/files.js';
import { WAV, wavs, writeTree } from '../testing/tree.js';
import { DATA_SETS } from './index.js';
import { verifyDataSet } from './verify.js';

const folder = temporaryFolder();
const HEADER = 'filename,fold,target,category,esc10,src_file,take\n';

describe('verifyDataSet', () => {
  it('counts what differs from the official release', async () => {
    await writeTree(folder(), {
      'meta/esc50.csv': `${HEADER}a.wav,1,0,dog,True,1,A\nb.wav,2,0,dog,True,2,A\ngone.wav,2,0,dog,True,2,A\n`,
      ...wavs('audio/a.wav', 'audio/b.wav', 'audio/extra.wav'),
    });
    const { problems, ...rest } = await verifyDataSet(DATA_SETS.esc50, folder());
    expect(rest).toEqual({
      set: 'esc50',
      folder: folder(),
      splits: [{ split: 'all', usable: 2, official: 2000 }],
      folds: [
        { fold: 1, usable: 1, official: 400 },
        { fold: 2, usable: 1, official: 400 },
        { fold: 3, usable: 0, official: 400 },
        { fold: 4, usable: 0, official: 400 },
        { fold: 5, usable: 0, official: 400 },
      ],
      counts: { 'missing-audio': 1, 'extra-audio': 1 },
      isComplete: false,
    });
    expect(problems).toContainEqual({
      kind: 'extra-audio',
      file: 'audio/extra.wav',
      message: 'is named by no row',
    });
  });

  it('decodes when asked to: damaged recordings, with what is known of them, and twins', async () => {
    await writeTree(folder(), {
      'genres/jazz/jazz.00053.wav': WAV,
      'genres/jazz/jazz.00054.wav': WAV.slice(0, 200),
      'genres/rock/rock.00000.wav': WAV,
      'genres/rock/rock.00001.wav': toneWav({ frequency: 300, seconds: 0.1 }),
      'genres/rock/rock.00002.wav': '', // empty
    });
    const { counts, problems } = await verifyDataSet(DATA_SETS['gtzan-genres'], folder(), { decode: true });
    expect(counts).toEqual({ undecodable: 2, 'duplicate-audio': 1 });
    expect(problems.map(({ file, message }) => `${file} ${message}`)).toEqual([
      expect.stringMatching(
        /^genres\/jazz\/jazz.00054.wav E_AUDIO_TRUNCATED .*\(known: it is damaged in many copies/,
      ),
      'genres/rock/rock.00000.wav has the same bytes as genres/jazz/jazz.00053.wav',
      expect.stringMatching(/^genres\/rock\/rock.00002.wav E_AUDIO_/),
    ]);
    expect((await verifyDataSet(DATA_SETS['gtzan-genres'], folder())).counts).toEqual({});
  });

  it('takes a copy with fewer items for incomplete, though nothing is wrong with them', async () => {
    await writeTree(folder(), wavs('speech_wav/a.wav', 'music_wav/a.wav'));
    const { isComplete, counts } = await verifyDataSet(DATA_SETS['gtzan-music-speech'], folder());
    expect({ isComplete, counts }).toEqual({ isComplete: false, counts: {} });
  });

  it('says when all is there', async () => {
    const names = ['speech', 'music'].flatMap((kind) =>
      Array.from({ length: 64 }, (_, i) => `${kind}_wav/${i}.wav`),
    );
    await writeTree(folder(), wavs(...names));
    expect((await verifyDataSet(DATA_SETS['gtzan-music-speech'], folder())).isComplete).toBe(true);
  });
});
