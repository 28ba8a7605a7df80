/** The numbers of the paper and of the systems that it compares with, as printed there (Deshmukh et al., NeurIPS 2023). */

export interface PaperResult {
  /** Id of a `BenchmarkTask`. */
  readonly task: string;
  readonly system: string;
  readonly metric: string;
  readonly value: number;
  readonly source: string;
}

type Row = readonly [task: string, value: number];

function rows(source: string, system: string, metric: string, values: readonly Row[]): PaperResult[] {
  return values.map(([task, value]) => ({ task, system, metric, value, source }));
}

const CAPTION_METRICS = [
  'bleu_1',
  'bleu_2',
  'bleu_3',
  'bleu_4',
  'meteor',
  'rouge_l',
  'cider_d',
  'spice',
  'spider',
] as const;

function captioning(task: string, systems: Readonly<Record<string, readonly number[]>>): PaperResult[] {
  return Object.entries(systems).flatMap(([system, values]) =>
    values.map((value, i) => ({
      task,
      system,
      metric: CAPTION_METRICS[i] as string,
      value,
      source: 'Table 7',
    })),
  );
}

export const PAPER_RESULTS: readonly PaperResult[] = [
  ...rows('Table 3', 'CLAP', 'accuracy', [
    ['esc50', 0.826],
    ['urbansound8k', 0.7324],
    ['tut2017', 0.2963],
    ['gtzan-music-speech', 1],
    ['gtzan-genres', 0.252],
    ['beijing-opera', 0.2963],
    ['nsynth-instrument', 0.2949],
    ['crema-d', 0.1784],
    ['ravdess', 0.1599],
    ['vocalsound', 0.4945],
    ['sesa', 0.7487],
  ]),
  ...rows('Table 3', 'CLAP', 'mAP', [
    ['fsd50k', 0.3024],
    ['esc50-actions', 0.497],
  ]),
  ...rows('Table 3', 'CLAP', 'f1', [['dcase17-task4', 0.3]]),

  ...rows('Table 4, captioning data only', 'Pengi (single task)', 'bleu_1', [
    ['audiocaps-captions', 0.6439],
    ['clotho-captions', 0.5619],
  ]),
  ...rows('Table 4, captioning data only', 'Pengi (single task)', 'spider', [
    ['audiocaps-captions', 0.4551],
    ['clotho-captions', 0.2648],
  ]),
  ...rows('Table 4, all tasks', 'Pengi', 'bleu_1', [
    ['audiocaps-captions', 0.6522],
    ['clotho-captions', 0.5702],
  ]),

  ...rows('Table 5', 'ClothoAQA M1', 'accuracy', [['clothoaqa', 0.575]]),
  ...rows('Table 5', 'ClothoAQA M2', 'accuracy', [['clothoaqa', 0.627]]),
  ...rows('Table 5', 'ClothoAQA M3', 'accuracy', [['clothoaqa', 0.635]]),

  ...retrieval('Chen et al.', [1.5, 4.4, 7.5]),
  ...retrieval('Gontier et al.', [2.1, 7, 12]),
  ...retrieval('Mei et al.', [4, 14.1, 21.6]),
  ...retrieval('Kim et al.', [7.6, 19.6, 28.8]),
  ...retrieval('Pengi', [9.4, 26.1, 36.7]),

  ...captioning('audiocaps-captions', {
    'Chen et al.': [0.489, 0.292, 0.178, 0.106, 0.152, 0.346, 0.265, 0.093, 0.179],
    'Gontier et al.': [0.635, 0.461, 0.322, 0.219, 0.208, 0.45, 0.612, 0.153, 0.383],
    // biome-ignore lint/suspicious/noApproximativeNumericConstant: a score, not log10(e)
    'Mei et al.': [0.682, 0.507, 0.369, 0.266, 0.238, 0.488, 0.701, 0.166, 0.434],
    'Kim et al.': [0.708, 0.547, 0.402, 0.283, 0.238, 0.499, 0.71, 0.167, 0.438],
    Pengi: [0.691, 0.419, 0.371, 0.253, 0.232, 0.482, 0.752, 0.182, 0.467],
  }),
  ...captioning('clotho-captions', {
    'Chen et al.': [0.516, 0.325, 0.215, 0.141, 0.153, 0.35, 0.314, 0.102, 0.208],
    'Gontier et al.': [0.461, 0.282, 0.182, 0.117, 0.136, 0.318, 0.251, 0.083, 0.167],
    'Mei et al.': [0.516, 0.318, 0.204, 0.127, 0.157, 0.351, 0.313, 0.105, 0.209],
    'Kim et al.': [0.539, 0.346, 0.227, 0.142, 0.159, 0.366, 0.319, 0.111, 0.215],
    Pengi: [0.57, 0.369, 0.242, 0.15, 0.172, 0.375, 0.416, 0.126, 0.271],
  }),

  ...rows('Table 8', 'Wav2CLIP', 'accuracy', [
    ['esc50', 0.414],
    ['urbansound8k', 0.404],
  ]),
  ...rows('Table 8', 'Wav2CLIP', 'mAP', [['fsd50k', 0.03]]),
  ...rows('Table 8', 'AudioCLIP', 'accuracy', [
    ['esc50', 0.694],
    ['urbansound8k', 0.653],
  ]),
  ...rows('Table 8', 'LAION-CLAP', 'accuracy', [
    ['esc50', 0.91],
    ['urbansound8k', 0.77],
  ]),
  ...rows('Table 12', 'CLAP (the paper’s own)', 'accuracy', [['esc50', 0.89]]),
  ...rows('Section 5.3', 'WavCaps CLAP', 'accuracy', [['esc50', 0.94]]),
  ...rows('Section 5.3', 'human', 'accuracy', [['esc50', 0.81]]),

  ...rows('Table 13', 'Pengi, frozen audio encoder', 'spider', [
    ['audiocaps-captions', 0.4535],
    ['clotho-captions', 0.2577],
  ]),
  ...rows('Table 13', 'Pengi, frozen audio encoder', 'accuracy', [
    ['clothoaqa', 0.6395],
    ['esc50', 0.895],
    ['urbansound8k', 0.6319],
    ['tut2017', 0.3449],
    ['gtzan-music-speech', 0.9219],
    ['gtzan-genres', 0.255],
    ['beijing-opera', 0.4814],
    ['nsynth-instrument', 0.2949],
    ['nsynth-pitch', 0.7131],
    ['nsynth-velocity', 0.333],
    ['crema-d', 0.1816],
    ['ravdess', 0.1312],
    ['vocalsound', 0.5371],
  ]),
  ...rows('Table 13', 'Pengi, frozen audio encoder', 'mAP', [
    ['fsd50k', 0.4117],
    ['nsynth-sonic', 0.383],
  ]),
  ...rows('Table 13', 'Pengi, frozen audio encoder', 'f1', [['dcase17-task4', 0.3225]]),
];

/** Table 6, in per cent there. */
function retrieval(system: string, [one, five, ten]: readonly [number, number, number]): PaperResult[] {
  const at = (k: number, percent: number) => ({
    task: 'clotho-text-to-audio',
    system,
    metric: `recall@${k}`,
    value: Number((percent / 100).toFixed(3)),
    source: 'Table 6',
  });
  return [at(1, one), at(5, five), at(10, ten)];
}

/** Table 9: probes on frozen audio encoders, by data set; null where the paper has no number. L1 … L3: linear layers. */
export const PAPER_PROBES = {
  columns: ['esc50', 'fsd50k', 'gtzan-genres', 'beijing-opera', 'ravdess', 'crema-d'],
  rows: {
    YAMNet: [0.8375, null, 0.847, 0.9405, 0.479, 0.4533],
    OpenL3: [0.7505, 0.447, 0.879, 0.9746, 0.604, 0.5497],
    Wav2CLIP: [0.7589, 0.3617, 0.748, 0.9363, 0.684, 0.5116],
    PANN: [0.9085, null, 0.86, 0.9112, 0.429, 0.555],
    Wav2Vec2: [0.561, 0.3417, 0.78, 0.9067, null, 0.6562],
    'CLAP (L1)': [0.8995, 0.5024, 0.73, 0.6399, 0.4044, 0.2315],
    'CLAP (L3)': [0.931, 0.569, 0.833, 0.8263, 0.4512, 0.283],
    'Pengi (zero-shot)': [0.9195, 0.4676, 0.3525, 0.6229, 0.2032, 0.1846],
    'Pengi (L1)': [0.8915, 0.5608, 0.8, 0.9193, 0.4774, 0.5057],
    'Pengi (L3)': [0.9485, 0.6235, 0.901, 0.9883, 0.6108, 0.5916],
  },
} as const;
