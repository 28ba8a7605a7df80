import { spawnSync } from 'node:child_process';
import { floats } from '@pengi/core';
import { describe, expect, it } from 'vitest';
import { drawnPoints, linearPoints } from './grid.js';
import { floatsOf, npy, rawFloats } from './npy.js';
import { type Picklable, pickled } from './pickle.js';
import { createPythonRandom } from './python-random.js';

const range = (n: number) => Array.from({ length: n }, (_, i) => i);

describe("Python's random", () => {
  it.each([
    // random.Random(seed).shuffle(list(range(n))) of CPython 3.11
    [0, 10, [7, 8, 1, 5, 3, 4, 2, 0, 9, 6]],
    [42, 16, [7, 9, 5, 6, 14, 10, 12, 8, 1, 2, 13, 15, 4, 11, 0, 3]],
    [4294967295, 5, [2, 3, 0, 1, 4]],
  ])('of seed %i shuffles %i as CPython', (seed, n, expected) => {
    expect(createPythonRandom(seed).shuffle(range(n))).toEqual(expected);
  });

  it('goes on where it was', () => {
    const random = createPythonRandom(0);
    random.shuffle(range(10));
    expect(random.shuffle(range(1000)).slice(0, 8)).toEqual([391, 933, 207, 558, 54, 410, 632, 295]);
  });
});

describe('grid points', () => {
  const short = ({ hidden_layers, initialization, lr }: ReturnType<typeof drawnPoints>[0]) =>
    `${hidden_layers} ${initialization.slice(7)} ${lr}`;

  it("are those that HEAR's kit draws", () => {
    // random.seed(42); confs = list(ParameterGrid(PARAM_GRID)); random.shuffle(confs): 7, 9, 5, 6, 14, 10, 12, 8 of
    // hidden_layers x initialization x lr
    expect(drawnPoints().map(short)).toEqual([
      '1 normal 0.0001',
      '2 uniform 0.001',
      '1 normal 0.001',
      '1 normal 0.00032',
      '2 normal 0.00032',
      '2 uniform 0.00032',
      '2 normal 0.0032',
      '2 uniform 0.0032',
    ]);
    expect(drawnPoints()[0]).toMatchObject({
      hidden_dim: 1024,
      batch_size: 1024,
      max_epochs: 500,
      patience: 20,
    });
  });

  it('of the fast grid vary epochs and checks as well', () => {
    // 23 of check (2) x hidden layers (2) x initialization (2) x lr (4) x epochs (2): the first of 64 shuffled by seed 42
    expect(drawnPoints({ grid: 'fast', points: 3 })[0]).toMatchObject({
      check_val_every_n_epoch: 3,
      hidden_layers: 2,
      initialization: 'xavier_uniform',
      lr: 1e-4,
      max_epochs: 50,
    });
  });

  it("take the task's own values", () => {
    expect(drawnPoints({ taskName: 'dcase2016_task2' })[0]!.check_val_every_n_epoch).toBe(10);
    expect(drawnPoints({ taskGrid: { max_epochs: [50] } })[0]!.max_epochs).toBe(50);
  });

  it('of a linear probe are every rate and initialisation', () => {
    expect(new Set(linearPoints().map(short)).size).toBe(8);
    expect(linearPoints({ grid: 'fast' })).toHaveLength(8);
  });

  it.each([{ grid: 'huge' as 'full' }, { points: 0 }])('are refused with %o', (options) => {
    expect(() => drawnPoints(options)).toThrow(expect.objectContaining({ code: 'E_USAGE' }));
  });
});

describe('NumPy files', () => {
  it('are those of numpy.save', () => {
    const header = "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }".padEnd(117);
    const expected = `934e554d50590100 7600 ${Buffer.from(`${header}\n`).toString('hex')} 0000803f 00002040 000040c0`;
    expect(Buffer.from(npy(floats([1, 2.5, -3]))).toString('hex')).toBe(expected.replaceAll(' ', ''));
    expect(npy(floats(new Float32Array(6), [2, 3])).length).toBe(128 + 24);
  });

  it('without a header are read back', () => {
    const values = Float32Array.of(1, -2.5, 1e-30);
    expect(floatsOf(rawFloats(values), [1, 3], 'x')).toEqual(values);
    expect(() => floatsOf(rawFloats(values), [2, 2], 'x')).toThrow(
      expect.objectContaining({ code: 'E_SHAPE' }),
    );
  });
});

describe('pickles', () => {
  const value: Picklable = [
    ['dog', 'ünï 🐕', ''],
    [],
    { a: 1, b: [-2147483648, 65536] },
    range(2500).map(String),
  ];

  it('hold what Python reads', (context) => {
    const code = 'import sys, json, pickle; print(json.dumps(pickle.load(sys.stdin.buffer)))';
    const { status, stdout, error } = spawnSync('python3', ['-c', code], { input: pickled(value) });
    if (error) {
      console.warn('SKIPPED: pickles are not read back, as there is no python3');
      return context.skip();
    }
    expect(status).toBe(0);
    expect(JSON.parse(stdout.toString())).toEqual(value);
  });

  it('are of protocol 2', () => {
    expect(Buffer.from(pickled(['a'])).toString('hex')).toBe('80025d28580100000061652e');
  });

  it.each([[1.5], [2 ** 31], ['\ud800'], [null as unknown as string]])('do not hold %j', (bad) => {
    expect(() => pickled([bad])).toThrow(expect.objectContaining({ code: 'E_DATA' }));
  });
});
