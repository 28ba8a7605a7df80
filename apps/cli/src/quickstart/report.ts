/** The quickstart's page: what the held-out recordings sound and look like, and what was said about them. */
import { readFile } from 'node:fs/promises';
import { type Provenance, renderReport, summaryRow, topLabels } from '@pengi/bench';
import { writeFileAtomic } from '@pengi/core/node';
import { confusionMatrix } from '@pengi/metrics';
import { lossCurve, type TrainResult } from '@pengi/train';
import type { Answer } from 'pengi';
import type { NoteData } from './data.js';
import type { NoteRecords } from './evaluate.js';
import { NOTE_FRONTEND } from './recipe.js';

export async function writeReport(
  path: string,
  content: {
    data: NoteData;
    records: NoteRecords;
    examples: NoteData['heldOut'];
    captions: Answer[];
    stages: TrainResult<unknown>[];
    provenance: Provenance;
  },
): Promise<void> {
  const { data, records, examples, captions, stages, provenance } = content;
  const { instruments } = data;
  const predictionOf = (record: NoteRecords['pitch'], id: string) =>
    record.predictions.find((one) => one.id === id)!;
  const frames = examples[0]!.logMel.length / NOTE_FRONTEND.mels;
  const html = renderReport({
    title: 'Pengi quickstart',
    introduction: [
      `A small audio language model was trained on ${data.training.length} recorded notes of ${instruments.length} instruments; what follows is about ${data.heldOut.length} recordings it has never heard.`,
    ],
    rows: Object.values(records).map(summaryRow),
    confusion: {
      title: 'Instruments: what was played, and what the model said',
      matrix: confusionMatrix(
        records.instrument.predictions.map(({ prediction }) => String(prediction ?? '')),
        records.instrument.predictions.map(({ expected }) => String(expected)),
        instruments,
      ),
    },
    examples: await Promise.all(
      examples.map(async (note, i) => ({
        id: note.id,
        audio: { bytes: await readFile(note.audio), mime: 'audio/mpeg' },
        logMel: { data: note.logMel, frames, mels: NOTE_FRONTEND.mels },
        expected: `${note.instrument}, pitch ${note.pitch}`,
        answer: `${captions[i]!.text} — ${predictionOf(records.instrument, note.id).answer}`,
        verdicts: [
          { name: 'instrument', correct: predictionOf(records.instrument, note.id).correct },
          { name: 'register', correct: predictionOf(records.register, note.id).correct },
          { name: 'pitch ±1', correct: predictionOf(records.pitchWithinOne, note.id).correct },
        ],
        zeroShot: topLabels(instruments, predictionOf(records.zeroShot, note.id).scores ?? [], 3),
      })),
    ),
    axes: NOTE_FRONTEND,
    lossCurves: stages.map(({ losses }, i) => {
      const title = ['CLAP', 'Language model', 'Pengi'][i]!;
      return { title, svg: lossCurve(losses, { title }) };
    }),
    provenance,
  });
  await writeFileAtomic(path, html);
}
