import { describe, expect, it } from 'vitest';
import { summaryRow, summaryTable, type TaskRecord, textTable } from '../index.js';

const record: TaskRecord = {
  format: 1,
  task: { id: 'instrument', version: 1, title: 'Instrument' },
  predictor: 'pengi',
  metric: 'accuracy',
  value: 0.9,
  interval: { low: 0.8, high: 0.95, level: 0.95 },
  metrics: { accuracy: 0.9, macroF1: 0.88 },
  chance: { random: 1 / 13, classes: 13, constant: 0.15, constantAnswer: 'cello' },
  baselines: [{ name: 'linear model', value: 0.95 }],
  items: 48,
  unread: 0,
  seconds: 1,
  settings: { method: 'generate', prompt: 'this music note is', batchSize: 16 },
  provenance: {},
  predictions: [],
};

describe('summaryTable', () => {
  it('aligns results, chance and baselines', () => {
    const { interval: _, chance: __, ...short } = record;
    const rows = [
      summaryRow(record),
      summaryRow({ ...short, task: { ...record.task, title: 'Pitch, exact' }, value: 0.1, baselines: [] }),
    ];
    expect(summaryTable(rows)).toBe(
      [
        'task          accuracy  95 % interval  at random  best constant  linear model  items',
        '------------  --------  -------------  ---------  -------------  ------------  -----',
        'Instrument       0.900  0.800 – 0.950      0.077          0.150         0.950     48',
        'Pitch, exact     0.100              –          –              –             –     48',
      ].join('\n'),
    );
  });

  it('calls the column a score when the rows hold different metrics', () => {
    const rows = [summaryRow(record), summaryRow({ ...record, metric: 'spider' })];
    expect(summaryTable(rows).split('\n')[0]).toMatch(/^task +score /);
  });
});

describe('textTable', () => {
  it('shows foreign text without letting it write to the terminal', () => {
    const table = textTable(
      ['recording', 'answer'],
      [
        ['a\u001b[2J', 'cello'],
        ['b', 'x'.repeat(100)],
      ],
    );
    expect(table.split('\n')[2]).toBe('a\\u001b[2J  cello');
    expect(table.split('\n')[3]).toBe(`b${' '.repeat(11)}${'x'.repeat(59)}…`);
  });
});
