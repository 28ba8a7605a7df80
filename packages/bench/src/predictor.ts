/** One recording to answer about. */
export interface Clip {
  /** Path of the audio file, or whatever else the predictor knows its recordings by. */
  readonly audio: string;
  /**
   * The recording decoded, mono, resampled and cropped as the benchmark's settings say. A predictor that takes samples uses
   * these in place of the file; one that reads files itself, such as a server elsewhere, may ignore them.
   */
  readonly samples?: { readonly samples: Float32Array; readonly sampleRate: number };
}

/**
 * Any audio-language model, as the benchmarks see it. A model offers what it can; a task that needs something else is
 * refused by name. Answers come in the order of what was asked, and have to be the same for the same input.
 */
export interface Predictor {
  /** As it appears in records and tables. */
  readonly name: string;
  /** The text that the model writes for each clip. */
  generate?(clips: readonly Clip[], prompt: string): Promise<readonly string[]>;
  /** As `generate`, each clip with a prompt of its own; without it, questions that differ are asked one by one. */
  generateEach?(clips: readonly Clip[], prompts: readonly string[]): Promise<readonly string[]>;
  /**
   * [clips, labels]: how well each label fits as the model's answer to the prompt, larger is better. Log-likelihoods,
   * say; they need not be probabilities.
   */
  scoreLabels?(
    clips: readonly Clip[],
    labels: readonly string[],
    prompt: string,
  ): Promise<readonly (readonly number[])[]>;
  /** [clips, labels]: how well each text fits the clip without any prompt (CLAP's cosines), larger is better. */
  zeroShot?(clips: readonly Clip[], labels: readonly string[]): Promise<readonly (readonly number[])[]>;
  /** [texts, E]: what text matching compares by cosine: generated texts with labels, answers and captions. */
  embedText?(texts: readonly string[]): Promise<readonly Float32Array[]>;
  /** [clips, E], in the space of `embedText`: retrieval without captions. */
  embedAudio?(clips: readonly Clip[]): Promise<readonly Float32Array[]>;
}

export type PredictorMethod = Exclude<keyof Predictor, 'name'>;
