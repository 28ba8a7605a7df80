import { DATA_SETS, type DataSet, NSYNTH_QUALITIES } from '@pengi/datasets';
import { describe, expect, it } from 'vitest';
import { officialItems } from './load.js';
import { PAPER_PROBES, PAPER_RESULTS } from './paper.js';
import { BENCHMARK_TASKS } from './table.js';

const byId = new Map(BENCHMARK_TASKS.map((task) => [task.id, task]));

describe('the table of tasks', () => {
  it("is the paper's 21, those it reports beside them, and digits", () => {
    expect(byId.size).toBe(BENCHMARK_TASKS.length);
    expect(BENCHMARK_TASKS.slice(21).map(({ id }) => id)).toEqual([
      'esc50-actions',
      'audioset',
      'clotho-audio-to-text',
      'audiocaps-audio-to-text',
      'fsdd',
    ]);
    // Table 2, a row for each dot
    const domains = new Map<string, number>();
    for (const { domain } of BENCHMARK_TASKS.slice(0, 21))
      domains.set(domain, (domains.get(domain) ?? 0) + 1);
    expect(Object.fromEntries(domains)).toEqual({
      'Audio Captioning': 2,
      'Audio Question Answering': 1,
      'Sound Event Classification': 4,
      'Music Analysis': 2,
      'Instrument Classification': 2,
      'Music Note Analysis': 3,
      'Acoustic Scene Classification': 1,
      'Emotion Recognition': 2,
      'Vocal Sound Classification': 1,
      Surveillance: 1,
      'Text-to-Audio Retrieval': 2,
    });
  });

  it('has the official numbers of items', () => {
    expect(Object.fromEntries(BENCHMARK_TASKS.map((task) => [task.id, officialItems(task)]))).toEqual({
      'clotho-captions': 1045,
      'audiocaps-captions': 975,
      clothoaqa: 2838,
      esc50: 2000,
      fsd50k: 10231,
      urbansound8k: 8732,
      'dcase17-task4': 1103,
      'gtzan-music-speech': 128,
      'gtzan-genres': 1000,
      'beijing-opera': 236,
      'nsynth-instrument': 4096,
      'nsynth-pitch': 4096,
      'nsynth-velocity': 4096,
      'nsynth-sonic': 4096,
      tut2017: 1620,
      'crema-d': 7442,
      ravdess: 2452,
      vocalsound: 3594,
      sesa: 105,
      'clotho-text-to-audio': 1045,
      'audiocaps-text-to-audio': 975,
      'esc50-actions': 400,
      audioset: 20371,
      'clotho-audio-to-text': 1045,
      'audiocaps-audio-to-text': 975,
      fsdd: 300,
    });
  });

  it.each(BENCHMARK_TASKS)('$id is consistent', (task) => {
    const set: DataSet = DATA_SETS[task.dataSet];
    for (const split of [...task.splits, ...(task.trainingSplits ?? [])])
      expect(Object.keys(set.splits)).toContain(split);
    if (task.paper !== null) expect(Object.keys(task.prompts)).toContain(task.prompt);
    const isClosed = task.kind === 'single-label' || task.kind === 'multi-label';
    expect(task.wordings !== undefined).toBe(isClosed);
    expect(task.labels !== undefined).toBe(isClosed);
    expect(task.references !== undefined).toBe(!isClosed);
    if (task.wordings === undefined || task.wordings === 'vocabulary') return;
    expect(new Set(Object.values(task.wordings)).size).toBe(Object.keys(task.wordings).length);
    const classes: Record<string, readonly string[]> = {
      'nsynth-pitch': Array.from({ length: 128 }, (_, pitch) => String(pitch)),
      'nsynth-velocity': ['25', '50', '75', '100', '127'],
      'nsynth-sonic': NSYNTH_QUALITIES,
    };
    expect(Object.keys(task.wordings).sort()).toEqual([...(classes[task.id] ?? set.classes ?? [])].sort());
  });

  it("says Table 11's number, but where the tables of the paper contradict each other", () => {
    const other = BENCHMARK_TASKS.filter(
      ({ paper, prompts, prompt }) => paper !== null && prompts[prompt] !== paper,
    );
    expect(other.map(({ id }) => id)).toEqual([
      'dcase17-task4',
      'gtzan-music-speech',
      'gtzan-genres',
      'crema-d',
      'ravdess',
      'clotho-text-to-audio', // 9.4 per cent in Table 6, 0.0938
    ]);
  });

  it("has other systems' numbers for tasks that exist, between 0 and 1", () => {
    for (const { task, value, system } of PAPER_RESULTS) {
      expect(byId.has(task), task).toBe(true);
      expect(value > 0 && value <= 1, `${system} ${task}`).toBe(true);
    }
    const spider = PAPER_RESULTS.filter(({ metric }) => metric === 'spider');
    // SPIDEr is the mean of CIDEr-D and SPICE, which checks the columns of Table 7
    for (const { task, system, value, source } of spider.filter((result) => result.source === 'Table 7')) {
      const of = (metric: string) =>
        PAPER_RESULTS.find(
          (r) => r.task === task && r.system === system && r.source === source && r.metric === metric,
        )!.value;
      expect(Math.abs((of('cider_d') + of('spice')) / 2 - value)).toBeLessThan(0.0011);
    }
    for (const [name, values] of Object.entries(PAPER_PROBES.rows))
      expect(values, name).toHaveLength(PAPER_PROBES.columns.length);
  });

  it('finds the part of a description that answers a task', () => {
    const answer = 'produced by synth lead, pitch 60, velocity 75, bright, fast decay';
    const parts = ['nsynth-instrument', 'nsynth-pitch', 'nsynth-velocity', 'nsynth-sonic'].map((id) =>
      byId.get(id)?.part?.(answer),
    );
    expect(parts).toEqual(['synth lead', 'pitch 60', 'velocity 75', 'bright, fast decay']);
    expect(byId.get('nsynth-pitch')?.part?.('a guitar')).toBe('a guitar');
  });
});
