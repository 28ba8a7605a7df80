import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bleu,
  ciderD,
  type ExternalScorer,
  evaluate,
  rougeL,
  type Tokens,
  tokenizeCaptions,
} from '../index.js';

/** aac-metrics' README: two clips, and what it prints for CIDEr-D. */
const candidates = ['a man is speaking', 'rain falls'];
const references = [
  ['a man speaks.', 'someone speaks.', 'a man is speaking while a bird is chirping in the background'],
  ['rain is falling hard on a surface'],
];

describe('evaluate', () => {
  it('gives the scores of aac-metrics’ own example', async () => {
    const { corpus, sentences, notComputed } = await evaluate(candidates, references, {
      metrics: ['cider_d'],
    });
    expect(corpus.cider_d).toBeCloseTo(0.9614, 4);
    expect(sentences.cider_d!.map((value) => value.toFixed(4))).toEqual(['1.3641', '0.5587']);
    expect(notComputed).toEqual({});
  });

  it('says what it could not compute, and never gives 0 instead', async () => {
    const { corpus, sentences, notComputed } = await evaluate(candidates, references);
    expect(notComputed).toEqual({ meteor: 'no Java', spice: 'no Java', spider: 'no Java' });
    expect(Object.keys(corpus)).toEqual(['bleu_1', 'bleu_2', 'bleu_3', 'bleu_4', 'rouge_l', 'cider_d']);
    expect(Object.keys(sentences)).toEqual(Object.keys(corpus));
  });

  it('makes SPIDEr of CIDEr-D and SPICE, and hands tokenized captions on', async () => {
    let seen: readonly Tokens[] = [];
    const external: ExternalScorer = {
      meteor: async () => ({ missing: 'not installed' }),
      spice: async (texts) => {
        seen = texts;
        return { corpus: 0.3, sentences: [0.2, 0.4] };
      },
    };
    const { corpus, sentences, notComputed } = await evaluate(candidates, references, { external });
    expect(seen).toEqual([
      ['a', 'man', 'is', 'speaking'],
      ['rain', 'falls'],
    ]);
    expect(corpus.spider).toBeCloseTo((corpus.cider_d! + 0.3) / 2, 12);
    expect(sentences.spider![1]).toBeCloseTo((sentences.cider_d![1]! + 0.4) / 2, 12);
    expect(notComputed).toEqual({ meteor: 'not installed' });
  });

  it('refuses lists that do not fit, clips without references and unknown metrics', async () => {
    await expect(evaluate(['a'], [])).rejects.toThrow('1 candidates for the references of 0 clips');
    await expect(evaluate([], [])).rejects.toThrow('no captions');
    await expect(evaluate(['a'], [[]])).rejects.toThrow('clip 0 has no reference');
    await expect(evaluate(['a'], [['a']], { metrics: ['bleu' as 'bleu_1'] })).rejects.toThrow(
      '"bleu" is no metric',
    );
  });
});

const word = fc.constantFrom(
  'a',
  'dog',
  'barks',
  'rain',
  'falls',
  'loudly',
  'man',
  'speaks',
  'car',
  'passes',
);
const caption = fc.array(word, { minLength: 1, maxLength: 12 });
const corpus = fc.array(
  fc.record({ candidate: caption, references: fc.array(caption, { minLength: 1, maxLength: 4 }) }),
  {
    minLength: 1,
    maxLength: 8,
  },
);
type Clip = { candidate: string[]; references: string[][] };
const columns = (clips: readonly Clip[]): [string[][], string[][][]] => [
  clips.map(({ candidate }) => candidate),
  clips.map(({ references }) => references),
];

describe('caption scores', () => {
  it('lie in their bounds', () => {
    fc.assert(
      fc.property(corpus, (clips) => {
        const [texts, refs] = columns(clips);
        const { corpus: bleuCorpus, sentences } = bleu(texts, refs);
        for (const value of [...bleuCorpus, ...sentences.flat(), ...rougeL(texts, refs).sentences]) {
          expect(value).toBeGreaterThanOrEqual(0);
          expect(value).toBeLessThanOrEqual(1 + 1e-6); // BLEU's guards add 1e-15 above and 1e-9 below
        }
        for (const value of ciderD(texts, refs).sentences) {
          expect(value).toBeGreaterThanOrEqual(0);
          expect(value).toBeLessThanOrEqual(10 + 1e-9);
        }
      }),
    );
  });

  it('do not depend on the order of clips or of references', () => {
    fc.assert(
      fc.property(corpus, (clips) => {
        const [texts, refs] = columns(clips);
        const [turnedTexts, turnedRefs] = columns(
          clips
            .toReversed()
            .map(({ candidate, references }) => ({ candidate, references: references.toReversed() })),
        );
        const near = (a: readonly number[], b: readonly number[]) =>
          a.forEach((value, i) => {
            expect(value).toBeCloseTo(b[i]!, 9);
          });
        near(bleu(texts, refs).corpus, bleu(turnedTexts, turnedRefs).corpus);
        near(rougeL(texts, refs).sentences, rougeL(turnedTexts, turnedRefs).sentences.toReversed());
        near(ciderD(texts, refs).sentences, ciderD(turnedTexts, turnedRefs).sentences.toReversed());
      }),
    );
  });

  it('are best for a caption that is one of the references', () => {
    fc.assert(
      fc.property(corpus, (clips) => {
        const perfect = clips.map(({ references }) => ({ candidate: references[0]!, references }));
        const [texts, refs] = columns(perfect);
        for (const value of rougeL(texts, refs).sentences) expect(value).toBeCloseTo(1, 12);
        bleu(texts, refs).sentences.forEach((values, n) => {
          values.forEach((value, i) => {
            if (texts[i]!.length > n) expect(value).toBeCloseTo(1, 6);
          });
        });
      }),
    );
  });

  it('give CIDEr-D 10 to the only reference itself, when its words tell it from the other clips', () => {
    const texts = [
      ['a', 'dog', 'barks', 'loudly'],
      ['rain', 'falls', 'on', 'tin'],
      ['some', 'men', 'talk', 'here'],
    ];
    expect(
      ciderD(
        texts,
        texts.map((text) => [text]),
      ).corpus,
    ).toBeCloseTo(10, 12);
  });
});

describe('tokenizeCaptions', () => {
  it('keeps one line per caption, whatever ends a line in Java', () => {
    const lines = tokenizeCaptions(['A dog\rbarks', 'a\u2028b\u000bc\nd', '', 'Done.']);
    expect(lines).toEqual([['a', 'dog', 'barks'], ['a', 'b', 'c', 'd'], [], ['done']]);
  });

  it('never gives a blank or a capital inside a token, and gives each caption its own', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' }), { maxLength: 5 }), (texts) => {
        const lines = tokenizeCaptions(texts);
        expect(lines).toHaveLength(texts.length);
        for (const token of lines.flat()) {
          expect(token).not.toMatch(/[ \t\n\r]/);
          expect(token).not.toBe('');
          expect(token).not.toMatch(/[A-Z]/);
        }
      }),
    );
  });
});
