import { describe, expect, it } from 'vitest';
import { parseChoices, withChoices } from './choices.js';
import { benchmarkTask } from './load.js';

const tasks = ['dcase17-task4', 'tut2017', 'vocalsound'].map(benchmarkTask);
const parse = (...texts: string[]) => Object.fromEntries(parseChoices(texts, tasks));

describe('choices', () => {
  it('are texts of task, option and value', () => {
    expect(
      parse(
        'dcase17-task4.split=testing',
        'dcase17-task4.prompt=generate metadata',
        'tut2017.split=development',
      ),
    ).toEqual({
      'dcase17-task4': { split: 'testing', prompt: 'generate metadata' },
      tut2017: { split: 'development' },
    });
  });

  it.each([
    ['split=testing', 'chooses nothing of a task of this run'],
    ['esc50.split=all', 'chooses nothing of a task of this run'],
    ['vocalsound.split=te', 'has no option "split"'],
    ['tut2017.metric=f1', 'has no option "metric"'],
    ['tut2017.split=test', '"test" is no split of task tut2017'],
  ])('refuse %s', (text, message) => {
    expect(() => parse(text)).toThrow(
      expect.objectContaining({ code: 'E_USAGE', message: expect.stringContaining(message) }),
    );
  });

  it('change what is evaluated, and let nothing learn from it', () => {
    expect(withChoices(benchmarkTask('tut2017'), {})).toMatchObject({
      splits: ['evaluation'],
      trainingSplits: ['development'],
    });
    const both = withChoices(benchmarkTask('tut2017'), { split: 'development+evaluation' });
    expect(both.splits).toEqual(['development', 'evaluation']);
    expect(both.trainingSplits).toBeUndefined();
    expect(withChoices(benchmarkTask('dcase17-task4'), { metric: 'accuracy' }).metric).toBe('accuracy');
  });
});
