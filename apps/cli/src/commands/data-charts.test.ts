import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { binned, chartPage } from './data-charts.js';
import { writeList } from './data-list-file.js';

describe('a histogram', () => {
  it.each([
    [[1, 2, 2, 3], { from: 1, width: 1, counts: [1, 2, 1] }],
    [[5, 5, 5], { from: 5, width: 1, counts: [3] }],
    [[0, 29.9], { from: 0, width: 1, counts: [1, ...Array(28).fill(0), 1] }],
    [[0.1, 0.25, 0.3], { from: 0.1, width: 0.01, counts: [1, ...Array(14).fill(0), 1, 0, 0, 0, 0, 1] }],
    [[-7, 100], { from: -10, width: 5, counts: [1, ...Array(21).fill(0), 1] }],
  ])('of %j', (values, expected) => {
    const found = binned(values);
    expect(found.counts).toEqual(expected.counts);
    expect(found.from).toBeCloseTo(expected.from, 9);
    expect(found.width).toBeCloseTo(expected.width, 9);
  });
});

describe('a page of charts', () => {
  it('makes text of what data are called', () => {
    const rows = [['<script>alert(1)</script>', 2]] as const;
    const page = chartPage('<b>', [
      { title: 'a & b', text: '', charts: [{ kind: 'bars', title: '"', rows }] },
    ]);
    expect(page).not.toContain('<script>');
    expect(page).toContain('&#60;script&#62;');
    expect(page).toContain('a &#38; b');
  });
});

describe('a list file', () => {
  it('has no cell that a spreadsheet would run', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pengi-list-'));
    const path = join(folder, 'a.csv');
    await writeList(
      path,
      ['a', 'b'],
      [
        { a: '=1+1', b: -5 },
        { a: '@x, "y"', b: 3 },
      ],
    );
    expect(await readFile(path, 'utf8')).toBe('a,b\n\'=1+1,-5\n"\'@x, ""y""",3\n');
    await rm(folder, { recursive: true });
  });
});
