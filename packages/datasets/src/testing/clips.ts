import { join } from 'node:path';
import { listSource, type TextOfFile } from '../training/list-source.js';
import type { ExampleSource, ExampleUnit } from '../training/source.js';
import { writeTone } from './files.js';

/** A source of `count` tones in `folder`, each of its own pitch and length, with two texts each. */
export async function toneSource(
  folder: string,
  count: number,
  { name = 'tones', unit = 'text' }: { name?: string; unit?: ExampleUnit } = {},
): Promise<ExampleSource> {
  const rows: TextOfFile[] = [];
  for (let i = 0; i < count; i++) {
    const audio = await writeTone(folder, `${name}-${i}.wav`, {
      frequency: 200 + 20 * i,
      seconds: 0.1 + 0.002 * i,
    });
    for (const text of ['a tone', 'a beep'])
      rows.push({
        id: `${i} ${text}`,
        audio: join(audio),
        prompt: 'generate audio caption',
        target: `${text} of number ${i}`,
        sources: [`test:${i}`],
      });
  }
  return listSource(rows, { name, unit, root: folder });
}

export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}
