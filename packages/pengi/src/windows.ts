/** What is heard when: an answer for each window of a long recording. */
import { type AudioInput, type WindowedOptions, windowsOf } from '@pengi/clap';
import type { Answer } from './answers.js';
import type { GenerateOptions, Pengi } from './pengi.js';

export interface WindowAnswer {
  /** Seconds of the recording. */
  start: number;
  end: number;
  answer: Answer;
}

export interface CaptionWindowsOptions extends Omit<GenerateOptions, 'prompt' | 'audio'> {
  /** Default "generate audio caption". */
  prompt?: string;
  /** Which windows, how files are read, and who is told of what was read over. */
  windowing?: WindowedOptions;
}

/**
 * An answer for each window of a recording of any length, each as `generate` gives it for that part alone. Windows are as
 * long as what the model hears (7 s in the released ones) and follow each other, unless `windowing` says
 * otherwise.
 * @throws PengiError as `Pengi.generate`, E_USAGE for a hop that is not positive
 */
export async function captionWindows(
  pengi: Pick<Pengi, 'frontend' | 'generate'>,
  input: AudioInput,
  options: CaptionWindowsOptions = {},
): Promise<WindowAnswer[]> {
  const { windowing = {}, ...generation } = options;
  const windows = await windowsOf(pengi.frontend, input, windowing);
  const answers = await pengi.generate(windows, generation);
  return windows.map(({ start, end }, i) => ({ start, end, answer: answers[i]! }));
}
