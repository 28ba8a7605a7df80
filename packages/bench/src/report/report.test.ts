import { describe, expect, it } from 'vitest';
import { type Report, renderReport, topLabels } from '../index.js';

/** [3 frames, 4 mels]: silence, but for the top band of the last frame. */
const logMel = {
  data: Float32Array.from({ length: 12 }, (_, i) => (i === 11 ? 0 : -80)),
  frames: 3,
  mels: 4,
};
const axes = { sampleRate: 16000, hopLength: 8000, fMin: 30, fMax: 8000 };
const audio = { bytes: Uint8Array.of(1, 2, 250), mime: 'audio/mpeg' };

const report: Report = {
  title: 'Notes',
  introduction: ['One run.'],
  rows: [
    {
      name: 'Instrument',
      metric: 'accuracy',
      value: 0.9,
      interval: { low: 0.8, high: 0.95, level: 0.95 },
      items: 48,
      chance: { random: 1 / 13, constant: 0.15 },
      baselines: [{ name: 'linear model', value: 0.95 }],
    },
    { name: 'Pitch', metric: 'accuracy', value: 0.1, items: 48 },
  ],
  confusion: {
    title: 'Confusion',
    matrix: {
      labels: ['cello', 'flute'],
      counts: [
        [3, 1, 0],
        [0, 2, 2],
      ],
    },
  },
  axes,
  examples: [
    {
      id: 'cello/As3',
      audio,
      logMel,
      expected: 'cello, pitch 58',
      answer: 'produced by cello, pitch 5 8',
      verdicts: [
        { name: 'instrument', correct: true },
        { name: 'pitch', correct: false },
      ],
      zeroShot: topLabels(['a', 'b', 'c', 'd'], [0.1, 0.4, 0.4, 0.2], 4),
    },
  ],
  lossCurves: [
    { title: 'CLAP', svg: '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>' },
  ],
  provenance: { commit: 'abc', seed: 1 },
};

describe('renderReport', () => {
  const page = renderReport(report);

  it('is a well-formed page', () => {
    expect(page.startsWith('<!doctype html>\n<html lang="en">')).toBe(true);
    expect(unbalancedTags(page)).toEqual([]);
    expect(unbalancedTags('<main><p>a</main>')).not.toEqual([]);
  });

  it('shows results beside chance and baselines, examples and provenance', () => {
    const text = visibleText(page);
    for (const part of [
      'Instrument 0.900 0.800 – 0.950 0.077 0.150 0.950 48',
      'Pitch 0.100 – – – – 48',
      'cello 3 1 · flute · 2 2',
      'expected cello, pitch 58 answer produced by cello, pitch 5 8',
      '✓ instrument ✗ pitch',
      'zero-shot b 0.400 c 0.400 d 0.200',
      'commit abc seed 1',
    ])
      expect(text).toContain(part);
  });

  it('carries sound and pictures inside and asks for nothing', () => {
    expect(page).toContain('<audio controls preload="metadata" src="data:audio/mpeg;base64,AQL6">');
    const sources = [...page.matchAll(/\s(?:src|href)="([^"]{0,20})/g)].map((match) => match[1] ?? '');
    expect(sources).toHaveLength(3);
    expect(sources.every((source) => source.startsWith('data:'))).toBe(true);
    expect(page).not.toMatch(/url\(|@import|https?:/);
    expect(page).toContain('default-src &#39;none&#39;');
  });

  it('labels the axes of a spectrogram in hertz and seconds', () => {
    const drawing = page.slice(page.indexOf('<svg viewBox="0 0 360'), page.indexOf('<audio'));
    const labels = [...drawing.matchAll(/>([^<>\n]+)<\/text>/g)].map((match) => match[1]);
    expect(labels).toEqual([
      '250',
      '500',
      '1k',
      '2k',
      '4k',
      '8k',
      '0',
      '0.5',
      '1',
      '1.5',
      'frequency (Hz)',
      'time (s)',
    ]);
  });

  it('puts frequencies where the mel bank has them, also with a bank made for another rate', () => {
    const heightOf = (settings: typeof axes & { melSampleRate?: number }, hertz: string) => {
      const found = new RegExp(`y="([\\d.]+)" text-anchor="end">${hertz}<`).exec(
        renderReport({ ...report, axes: settings }),
      );
      return Number(found?.[1]);
    };
    // librosa 0.11: hz_to_mel([30, 1000, 8000]) = [0.45, 15, 45.2454]; the band is drawn from y = 164 up to 6
    expect(heightOf(axes, '1k')).toBeCloseTo(164 - (158 * (15 - 0.45)) / (45.2454 - 0.45) + 3.5, 0);
    // filters made for 16 kHz lie twice as high on audio of 32 kHz: 2 kHz is where 1 kHz was
    const doubled = { ...axes, sampleRate: 32000, melSampleRate: 16000 };
    expect(heightOf(doubled, '2k')).toBe(heightOf(axes, '1k'));
  });

  it.each([
    '<script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    "'-alert(1)-'",
    '\u202ecod.exe\u0000',
  ])('makes nothing but text of %j', (hostile) => {
    const rows = [{ ...report.rows[0]!, name: hostile, baselines: [{ name: hostile, value: 0.5 }] }];
    const page = renderReport({
      title: hostile,
      introduction: [hostile],
      rows,
      confusion: { title: hostile, matrix: { labels: [hostile], counts: [[1, 0]] } },
      axes,
      examples: [
        {
          ...report.examples![0]!,
          id: hostile,
          audio: { path: `sounds/${hostile}.mp3` },
          expected: hostile,
          answer: hostile,
          verdicts: [{ name: hostile, correct: true }],
          zeroShot: [{ label: hostile, score: 1 }],
        },
        { ...report.examples![0]!, audio: { bytes: audio.bytes, mime: hostile } },
      ],
      lossCurves: [{ title: hostile, svg: '<svg xmlns="http://www.w3.org/2000/svg"/>' }],
      provenance: { [hostile]: hostile, list: [hostile] },
    });
    expect(page).not.toContain(hostile);
    for (const forbidden of ['<script', '<img src=x', '\u202e', '\u0000'])
      expect(page).not.toContain(forbidden);
    expect(unbalancedTags(page)).toEqual([]);
  });

  it('keeps a path a path', () => {
    const example = { ...report.examples![0]!, audio: { path: 'https://a.example/b c?d#e.mp3' } };
    expect(renderReport({ ...report, examples: [example] })).toContain(
      'src="https%3A//a.example/b%20c%3Fd%23e.mp3"',
    );
  });

  it('shows a picture of a curve as an image, in which nothing runs', () => {
    expect(page).not.toContain('<script');
    expect(page).toContain('<img src="data:image/svg+xml;base64,');
  });

  it('leaves out what it is not given, and refuses examples without axes', () => {
    const bare = renderReport({ title: 'Nothing', rows: [] });
    expect(unbalancedTags(bare)).toEqual([]);
    expect(bare).not.toContain('<section>');
    const { axes: _, ...withoutAxes } = report;
    expect(() => renderReport(withoutAxes)).toThrow('needs the axes');
  });
});

const VOID = new Set(['meta', 'img', 'image', 'path', 'circle', 'br']);

/** Tags that are closed by another or not at all; quotes in attributes are honoured. */
function unbalancedTags(page: string): string[] {
  const open: string[] = [];
  const problems: string[] = [];
  const markup = page.replace(/<style>.*?<\/style>/s, '').replace('<!doctype html>', '');
  for (const [tag, slash, name = ''] of markup.matchAll(/<(\/?)([a-z][a-z0-9]*)(?:[^<>"]|"[^"]*")*>/g)) {
    if (tag.endsWith('/>') || VOID.has(name)) continue;
    if (slash === '') open.push(name);
    else if (open.pop() !== name) problems.push(tag);
  }
  const stray = markup.replace(/<(\/?)([a-z][a-z0-9]*)(?:[^<>"]|"[^"]*")*>/g, '').match(/[<>]/g) ?? [];
  return [...problems, ...open, ...stray];
}

function visibleText(page: string): string {
  return page
    .replace(/<style>.*?<\/style>/s, '')
    .replace(/<svg.*?<\/svg>/gs, ' ')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ');
}
