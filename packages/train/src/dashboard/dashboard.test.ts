import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createDashboard, type EvaluationLine, isLive, type LogLine } from '../index.js';
import { type TestTerminal, testTerminal } from '../testing/terminal.js';
import { cellCurve } from './curve.js';
import { type DashboardState, frame } from './frame.js';
import { columnsOf, fit } from './text.js';

afterEach(() => vi.unstubAllEnvs());

const begun = { task: 'pengi', dir: undefined, engine: 'none', steps: 200, from: 0, seconds: 0, lines: [] };
const MIB = 2 ** 20;

/** A dashboard after 100 of 200 steps of a second each. */
function halfWay(terminal: TestTerminal) {
  let clock = 0;
  const dashboard = createDashboard({
    stream: terminal,
    now: () => clock,
    memory: () => ({ now: 500 * MIB, peak: 640 * MIB }),
  });
  const step = (n: number) => {
    clock = 1000 * n;
    const point = {
      step: n,
      loss: 4 - n / 50,
      learningRate: 0.00125,
      gradientNorm: 1.5,
      samplesPerSecond: 32,
      loaderShare: 0.25,
      seconds: n,
    };
    dashboard.step?.(point);
    if (n % 10 === 0) dashboard.logged?.({ event: 'step', metrics: {}, ...point });
  };
  dashboard.begin?.(begun);
  for (let n = 1; n <= 50; n++) step(n);
  dashboard.logged?.(evaluation(50, 0.75, 'a cat'));
  for (let n = 51; n <= 100; n++) step(n);
  dashboard.logged?.({ event: 'skipped', step: 60, reason: 'loss NaN', ids: ['a'] });
  dashboard.logged?.(evaluation(100, 0.5, 'a dog barks'));
  return { dashboard, step };
}

function evaluation(step: number, accuracy: number, answer: string): LogLine {
  const sample = { id: 'dog.wav', prompt: 'generate audio caption', target: 'a dog barks', answer };
  return { event: 'evaluation', step, values: { accuracy, loss: 2 }, samples: [sample], seconds: step };
}

describe('the dashboard', () => {
  it('shows how far the run is, its numbers, and what the model says', async () => {
    const terminal = testTerminal(100, 30);
    halfWay(terminal);
    const text = await terminal.text();
    for (const part of [
      /^pengi {2}training {2}step 100\/200 {2}1:40 elapsed, 1:40 left$/m,
      / 50 %$/m,
      /learning rate {2}0\.00125$/m,
      /gradient norm {2}1\.50$/m,
      /throughput {5}32\.0 samples\/s$/m,
      /time {11}model 75 %, loader 25 %$/m,
      /memory {9}500 MiB, peak 640 MiB$/m,
      /skipped {8}1 step$/m,
      /^evaluation at step 100 {2}accuracy 0\.5000 \(best 0\.7500 at 50\), loss 2\.000 \(best 2\.000 at 50\)$/m,
      /^ {2}dog\.wav: generate audio caption\n {2}wanted {2}a dog barks\n {2}said {4}a dog barks$/m,
      /^3\.80 {5}⠉/m, // the first logged loss is at the top of the curve
    ])
      expect(text).toMatch(part);
  });

  it('is drawn in place: nothing of earlier drawings is left, and lines stay above it', async () => {
    const terminal = testTerminal(100, 40);
    terminal.write('$ pengi train\n');
    const { dashboard } = halfWay(terminal);
    dashboard.line('pengi: step 60 is left out');
    const text = await terminal.text();
    expect(text.match(/elapsed/g)).toHaveLength(1);
    expect(text).not.toContain('a cat');
    expect(text.split('\n').slice(0, 2)).toEqual(['$ pengi train', 'pengi: step 60 is left out']);
    expect(text.split('\n')[2]).toMatch(/^pengi {2}training/);
  });

  it.each([
    ['narrower', 70, 40],
    ['wider', 140, 40],
    ['lower', 100, 34],
    ['higher', 100, 60],
  ])('is whole and alone after the terminal became %s', async (_what, columns, rows) => {
    const terminal = testTerminal(100, 40);
    terminal.write('$ pengi train\n');
    const { step } = halfWay(terminal);
    await terminal.text(); // xterm takes what was written before it is resized
    terminal.resize(columns, rows);
    step(101);
    const text = await terminal.text();
    expect(text.match(/elapsed/g)).toHaveLength(1);
    expect(text.match(/evaluation at step/g)).toHaveLength(1);
    expect(text.split('\n')[0]).toBe('$ pengi train');
    expect(text.split('\n')[1]).toMatch(/step 101\/200/);
  });

  it('fits into a terminal of any size, with its headline first', () => {
    const state: DashboardState = {
      title: 'pengi',
      steps: 200,
      step: 100,
      phase: 'training',
      seconds: 100,
      secondsLeft: 1e6,
      losses: [4, 3, 2],
      smoothedLoss: 2,
      last: undefined,
      skipped: 1,
      evaluations: [evaluation(100, 0.5, 'ein Hund, 鳥 und 👨‍👩‍👧‍👦') as EvaluationLine],
      memory: { now: MIB, peak: MIB },
    };
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 150 }), fc.integer({ min: 2, max: 50 }), (columns, rows) => {
        const lines = frame(state, { columns, rows, colour: true, unicode: true });
        expect(lines.length).toBeLessThan(rows);
        for (const line of lines) expect(columnsOf(line)).toBeLessThanOrEqual(Math.max(1, columns - 1));
        expect(stripVTControlCharacters(lines[0]!)).toMatch(/^[p…]/);
      }),
      { numRuns: 200, seed: 1 },
    );
  });

  it('leaves its last drawing and the cursor below it, and then lets go of the terminal', async () => {
    const terminal = testTerminal(100, 30);
    const { dashboard, step } = halfWay(terminal);
    dashboard.end?.({ state: 'interrupted', step: 100 });
    const before = await terminal.text();
    expect(terminal.listeners()).toBe(0);
    terminal.resize(120, 30);
    step(101); // too late
    terminal.write('E_INTERRUPTED\n');
    const after = await terminal.text();
    expect(after).toBe(`${before}\nE_INTERRUPTED`);
    expect(before).toMatch(/^pengi {2}interrupted {2}step 100\/200 {2}1:40 elapsed$/m);
  });

  it('never hides the cursor, so that a killed process leaves the terminal as it should be', () => {
    const terminal = testTerminal(100, 30);
    halfWay(terminal);
    expect(terminal.written).not.toContain('\x1b[?');
  });

  it('begins with what a resumed run has logged before', async () => {
    const terminal = testTerminal(100, 30);
    const dashboard = createDashboard({ stream: terminal });
    const logged: LogLine = {
      event: 'step',
      step: 50,
      loss: 2.5,
      metrics: {},
      learningRate: 0.00125,
      gradientNorm: 1.5,
      samplesPerSecond: 32,
      loaderShare: 0.25,
      seconds: 75,
    };
    const lines = [logged, evaluation(50, 0.75, 'a cat')];
    dashboard.begin?.({ ...begun, from: 50, seconds: 75, lines });
    const text = await terminal.text();
    expect(text).toMatch(/^pengi {2}starting {2}step 50\/200 {2}1:15 elapsed$/m);
    expect(text).toContain('accuracy 0.7500');
    expect(text).toMatch(/loss {11}2\.500$/m);
    expect(text).toMatch(/learning rate {2}0\.00125$/m);
  });

  it('has colours only where the terminal wants them', () => {
    const [plain, coloured] = [testTerminal(100, 30, false), testTerminal(100, 30, true)];
    halfWay(plain);
    halfWay(coloured);
    expect(plain.written).not.toContain('\x1b[32m');
    expect(coloured.written).toContain('\x1b[32ma dog barks\x1b[0m'); // what is right is green
  });

  it('does not let texts write to the terminal', async () => {
    const terminal = testTerminal(100, 30);
    const dashboard = createDashboard({ stream: terminal });
    dashboard.begin?.(begun);
    dashboard.logged?.(evaluation(10, 0.5, '\x1b[2J\r\ngone'));
    expect(await terminal.text()).toContain('said    \\u001b[2J\\u000d\\u000agone');
  });

  it('is for terminals that can do it', () => {
    vi.stubEnv('TERM', 'xterm');
    expect([isLive(testTerminal(80, 24)), isLive({ write() {} })]).toEqual([true, false]);
    vi.stubEnv('TERM', 'dumb');
    expect(isLive(testTerminal(80, 24))).toBe(false);
  });
});

describe('a curve of cells', () => {
  it('has one dot for each column, from the largest value at the top to the smallest', () => {
    const { rows, low, high } = cellCurve([4, 3, 2, 1], { width: 2, height: 1, braille: true });
    // dots 1, 5 | 3, 8 (Unicode's numbers of the dots: U+2811 and U+2884)
    expect([rows, low, high]).toEqual([['\u2811\u2884'], 1, 4]);
  });

  it('joins values that are far apart', () => {
    expect(cellCurve([3, 1], { width: 2, height: 3, braille: false }).rows).toEqual(['* ', ' *', ' *']);
  });

  it('copes with no value, equal ones, and those that are no numbers', () => {
    const size = { width: 3, height: 2, braille: false };
    expect(cellCurve([], size).rows).toEqual(['   ', '   ']);
    expect(cellCurve([1, Number.NaN, 1], size).rows).toEqual(['   ', '***']);
  });
});

describe('fit', () => {
  it('cuts between characters and counts wide ones twice', () => {
    expect(fit('abcdef', 4)).toBe('abc…');
    expect(fit('鳥が鳴く', 6)).toBe('鳥が…');
    expect(fit('👨‍👩‍👧‍👦👨‍👩‍👧‍👦👨‍👩‍👧‍👦', 5)).toBe('👨‍👩‍👧‍👦👨‍👩‍👧‍👦…');
  });

  it('never gives more columns than there are', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 0, max: 30 }), (text, columns) => {
        expect(columnsOf(fit(text, columns))).toBeLessThanOrEqual(columns);
      }),
      { seed: 1 },
    );
  });
});
