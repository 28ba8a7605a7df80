import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  averagePrecision,
  eventScores,
  exactInterval,
  framesToEvents,
  hearFolds,
  hearSceneScore,
  mcnemarTest,
  meanAveragePrecision,
  meanInterval,
  medianFilter,
  microF1,
  retrieve,
  retrieveAny,
  rocAuc,
  type SoundEvent,
  segmentScores,
  signFlipTest,
  TIE_RULES,
  taggingReport,
} from './index.js';

const items = fc.array(fc.record({ score: fc.integer({ min: -4, max: 4 }), target: fc.boolean() }), {
  minLength: 2,
  maxLength: 30,
});
type Item = { score: number; target: boolean };
const columns = (list: readonly Item[]): [number[], boolean[]] => [
  list.map(({ score }) => score),
  list.map(({ target }) => target),
];

describe('average precision and AUC', () => {
  it('lie between 0 and 1, do not depend on the order, and on scores by their order only', () => {
    fc.assert(
      fc.property(items, (list) => {
        fc.pre(list.some(({ target }) => target) && list.some(({ target }) => !target));
        for (const score of [averagePrecision, rocAuc]) {
          const value = score(...columns(list));
          expect(value).toBeGreaterThanOrEqual(0);
          expect(value).toBeLessThanOrEqual(1);
          expect(score(...columns(list.toReversed()))).toBeCloseTo(value, 12);
          const [scores, targets] = columns(list);
          expect(
            score(
              scores.map((x) => Math.exp(x)),
              targets,
            ),
          ).toBeCloseTo(value, 12);
        }
        const [scores, targets] = columns(list);
        expect(
          rocAuc(
            scores.map((x) => -x),
            targets,
          ),
        ).toBeCloseTo(1 - rocAuc(scores, targets), 12);
        const perfect = targets.map(Number);
        expect([averagePrecision(perfect, targets), rocAuc(perfect, targets)]).toEqual([1, 1]);
      }),
    );
  });

  it('say NaN where they are not defined, and leave no class out silently', () => {
    expect(averagePrecision([1, 2], [0, 0])).toBeNaN();
    expect(rocAuc([1, 2], [1, 1])).toBeNaN();
    const { mean, absentAsZero, undefinedClasses } = meanAveragePrecision(
      [
        [1, 0],
        [0, 1],
      ],
      [
        [1, 0],
        [0, 0],
      ],
    );
    expect([mean, absentAsZero, undefinedClasses]).toEqual([1, 0.5, [1]]);
    expect(() => averagePrecision([Number.NaN, 1], [1, 0])).toThrow('score 0 is no number');
    expect(() => meanAveragePrecision([[1, 0]], [[1]])).toThrow('2 classes');
  });
});

describe('several labels per item', () => {
  it('the challenge’s two conventions differ where classes do', () => {
    // class 0: 2 of 2 found; class 1: nothing found, one false alarm
    const { micro, classBased } = taggingReport(
      [
        [1, 1],
        [1, 0],
        [0, 0],
      ],
      [
        [1, 0],
        [1, 0],
        [0, 1],
      ],
    );
    expect(micro.f1).toBeCloseTo(2 / 3, 12);
    expect(classBased.f1).toBeCloseTo(0.5, 12);
  });

  it('micro F1 of one label per item is the accuracy', () => {
    expect(microF1(['a', 'b', 'b', 'a'], ['a', 'b', 'a', 'a'], ['a', 'b'])).toBe(0.75);
  });
});

describe('retrieval', () => {
  const table = fc.integer({ min: 1, max: 8 }).chain((n) =>
    fc.array(fc.array(fc.integer({ min: 0, max: 3 }), { minLength: n, maxLength: n }), {
      minLength: n,
      maxLength: n,
    }),
  );

  it('keeps the rules for ties in their order, and agrees with itself for one right answer', () => {
    fc.assert(
      fc.property(table, (similarities) => {
        const answers = similarities.map((_, i) => i);
        const [stable, optimistic, pessimistic, mid] = TIE_RULES.map(
          (rule) => retrieve(similarities, answers, rule).ranks,
        );
        answers.forEach((i) => {
          expect(optimistic![i]).toBeLessThanOrEqual(stable![i]!);
          expect(stable![i]).toBeLessThanOrEqual(pessimistic![i]!);
          expect(mid![i]).toBe((optimistic![i]! + pessimistic![i]!) / 2);
        });
        for (const rule of TIE_RULES) {
          const single = retrieve(similarities, answers, rule);
          const any = retrieveAny(
            similarities,
            answers.map((i) => [i]),
            rule,
          );
          expect(any.ranks).toEqual(single.ranks);
          expect(any.mapAt10).toBeCloseTo(single.mapAt10, 12);
        }
      }),
    );
  });

  it('a right answer never stands in another’s way', () => {
    const { relevantRanks, mapAt10 } = retrieveAny([[1, 1, 0, 1]], [[0, 1]], 'pessimistic');
    expect(relevantRanks).toEqual([[2, 3]]);
    expect(mapAt10).toBeCloseTo((1 / 2 + 2 / 3) / 2, 12);
  });
});

describe('sound events', () => {
  const event = (label: string, onset: number, offset: number): SoundEvent => ({ label, onset, offset });

  it('are matched as often as possible, not first come, first served', () => {
    const reference = [event('dog', 1, 2), event('dog', 1.3, 2)];
    const estimated = [event('dog', 1.15, 2), event('dog', 0.9, 2)];
    expect(eventScores([{ reference, estimated }], ['dog'], { collar: 0.2 }).overall.f1).toBe(1);
  });

  it('count a wrong label at the right time as one substitution', () => {
    const { overall } = eventScores(
      [{ reference: [event('dog', 1, 2)], estimated: [event('cat', 1, 2), event('cat', 8, 9)] }],
      ['dog', 'cat'],
    );
    expect(overall).toMatchObject({ substitutionRate: 1, deletionRate: 0, insertionRate: 1, errorRate: 2 });
  });

  it('are perfect against themselves, by segments too', () => {
    const reference = [event('dog', 0.2, 3.1), event('cat', 2, 2.5)];
    const recordings = [{ reference, estimated: reference }];
    expect(segmentScores(recordings, ['dog', 'cat']).overall).toMatchObject({ f1: 1, errorRate: 0 });
    expect(() => segmentScores(recordings, ['dog'])).toThrow('"cat", which is not among the labels');
  });

  it('come out of frames in any order, between first and last active frame', () => {
    const probabilities = [[0.9], [0.1], [0.8], [0.6]];
    expect(framesToEvents(probabilities, [75, 25, 125, 175], ['dog'], { medianFilterMs: 0 })).toEqual([
      { label: 'dog', start: 75, end: 175 },
    ]);
    // scipy.ndimage.median_filter([5, 1, 4, 2, 3], size=2 and 3)
    expect(medianFilter([5, 1, 4, 2, 3], 2)).toEqual([5, 5, 4, 4, 3]);
    expect(medianFilter([5, 1, 4, 2, 3], 3)).toEqual([5, 4, 2, 3, 3]);
  });
});

describe('HEAR', () => {
  it('takes the first of equal classes, and keeps NaN', () => {
    const targets = [
      [0, 1],
      [1, 0],
    ];
    expect(
      hearSceneScore(
        'top1_acc',
        [
          [0.5, 0.5],
          [0.5, 0.5],
        ],
        targets,
      ),
    ).toBe(0.5);
    expect(
      hearSceneScore(
        'aucroc',
        [
          [1, 0],
          [0, 1],
        ],
        [
          [1, 0],
          [1, 0],
        ],
      ),
    ).toBeNaN();
    expect(() => hearSceneScore('segment_1s_er', [[1]], [[1]])).toThrow('no score of whole recordings');
    expect(hearFolds(['b', 'c', 'a'])[2]).toEqual({ test: 'c', valid: 'a', train: ['b'] });
  });
});

describe('paired tests', () => {
  it('are symmetric, and cautious', () => {
    const flip = signFlipTest([1, 1, 1, 1, 1], { seed: 1 });
    expect(flip).toEqual({ p: 2 / 32, extreme: 2, flips: 32, exact: true });
    const many = Array.from({ length: 60 }, (_, i) => (i % 3 === 0 ? -1 : 1));
    const sampled = signFlipTest(many, { seed: 1, samples: 2000 });
    // scipy: binomtest(20, 60).pvalue = 0.013489
    expect(Math.abs(sampled.p - 0.013489)).toBeLessThan(0.008);
    expect(sampled).toEqual(signFlipTest(many, { seed: 1, samples: 2000 }));
    expect(mcnemarTest(20, 40).p).toBeCloseTo(mcnemarTest(40, 20).p, 15);
    expect(mcnemarTest(0, 5).p).toBeCloseTo(2 / 32, 12);
    expect(mcnemarTest(3, 3).p).toBe(1);
    expect(mcnemarTest(0, 0).p).toBe(1);
  });

  it('the interval of a mean is Student’s', () => {
    // scipy.stats.t.ppf(0.975, 4) = 2.7764451051977934; the sample's standard error is sqrt(0.5)
    const { low, high } = meanInterval([1, 2, 3, 4, 5]);
    expect((high - low) / 2).toBeCloseTo(2.7764451051977934 * Math.SQRT1_2, 9);
    expect(exactInterval(0, 10).low).toBe(0);
  });
});
