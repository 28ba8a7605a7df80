/** Told how far long work has come. Everything that can take over two seconds accepts one. */
export interface Progress {
  /** `done` of `total` (when known), and a short note such as the current loss. */
  update(done: number, total?: number, note?: string): void;
  /** The work is over; nothing is reported after it. */
  end(note?: string): void;
}

/** Starts a progress report under a label, such as "training clap". */
export type StartProgress = (label: string) => Progress;

export const silentProgress: StartProgress = () => ({ update() {}, end() {} });
