import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { type LogLine, readLog } from './index.js';
import { openLog, pointsOf } from './log.js';
import { temporaryFolder } from './testing/temporary.js';

let path: string;
beforeEach(async () => {
  path = join(await temporaryFolder(), 'log.jsonl');
});

const evaluation = (step: number, score: number | null): LogLine => ({
  event: 'evaluation',
  step,
  values: { score },
  seconds: 1,
});

describe('the log file', () => {
  it('is empty where there is none', async () => {
    expect(await readLog(path)).toEqual([]);
  });

  it('keeps what is up to the step and appends to it', async () => {
    const first = await openLog(path, 0);
    for (const step of [1, 2, 3]) await first.append(evaluation(step, step));
    await first.close();
    const second = await openLog(path, 2);
    await second.append(evaluation(4, 4));
    await second.close();
    expect((await readLog(path)).map(({ step }) => step)).toEqual([1, 2, 4]);
    expect(second.lines).toEqual(await readLog(path));
  });

  it('passes over lines that are torn or no lines of a log, and removes them', async () => {
    const good = JSON.stringify(evaluation(1, 0.5));
    const bad = [
      'null',
      '7',
      '[]',
      '{}',
      '{"event":"step","step":1}',
      '{"event":"other","step":1}',
      '\u0000\u0000',
    ];
    await writeFile(path, [good, ...bad, good.slice(0, -3)].join('\n'));
    await (await openLog(path, 9)).close();
    expect(await readFile(path, 'utf8')).toBe(`${good}\n`);
  });

  it('brings scores that are no numbers back as NaN', () => {
    expect(pointsOf([evaluation(1, null)]).evaluations[0]!.values.score).toBeNaN();
  });

  it('that cannot be written is a typed error', async () => {
    await expect(openLog(join(path, 'missing', 'log.jsonl'), 0)).rejects.toMatchObject({
      code: 'E_CANNOT_CREATE',
    });
  });
});
