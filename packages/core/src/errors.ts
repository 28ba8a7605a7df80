/**
 * Every failure a user can cause is a `PengiError` with a code of this table. The number is the process's exit status
 * (the sysexits convention: 2 usage, 65 data, 66 no input, 70 internal, 73 cannot create, 74 I/O, 75 try again).
 */
export const ERROR_CODES = {
  E_USAGE: { exit: 2, meaning: 'the command, an option or an argument is wrong' },
  E_CONFIG: { exit: 2, meaning: 'a config file does not hold what it should' },
  E_TEXT: { exit: 65, meaning: 'a text cannot be used (empty, or words outside the vocabulary)' },
  E_NOT_FOUND: { exit: 66, meaning: 'a file or folder does not exist or cannot be read' },
  E_CANNOT_CREATE: { exit: 73, meaning: 'an output file or folder cannot be written' },
  E_IO: { exit: 74, meaning: 'reading or writing failed' },
  E_DISK_FULL: { exit: 74, meaning: 'no space left where the output goes' },
  E_BUSY: { exit: 75, meaning: 'another process uses the same folder or file' },
  E_AUDIO_EMPTY: { exit: 65, meaning: 'an audio file holds no samples' },
  E_AUDIO_FORMAT: { exit: 65, meaning: 'not an audio format that is read here' },
  E_AUDIO_HEADER: { exit: 65, meaning: 'the header of an audio file contradicts itself or the file' },
  E_AUDIO_TRUNCATED: { exit: 65, meaning: 'an audio file ends before its header says' },
  E_AUDIO_DAMAGED: { exit: 65, meaning: 'a checksum or frame of an audio file is wrong' },
  E_AUDIO_NONFINITE: { exit: 65, meaning: 'an audio file holds samples that are no numbers' },
  E_AUDIO_TOO_LONG: { exit: 65, meaning: 'an audio file is longer than allowed' },
  E_AUDIO_TOO_SHORT: { exit: 65, meaning: 'fewer samples than one analysis window needs' },
  E_ST_HEADER: { exit: 65, meaning: 'the header of a safetensors file is damaged' },
  E_ST_TENSOR: { exit: 65, meaning: 'a tensor entry of a safetensors file is inconsistent' },
  E_CHECKPOINT: { exit: 65, meaning: 'not a checkpoint or model folder that is known here' },
  E_WEIGHTS: { exit: 65, meaning: 'the weights do not fit the config' },
  E_QUANTIZE: { exit: 65, meaning: 'with weights of 8 bits the model would say something else' },
  E_DATA: { exit: 65, meaning: 'a data set or manifest is not as it should be' },
  E_INTERNAL: { exit: 70, meaning: 'a fault in this software' },
  E_KERNEL: { exit: 70, meaning: 'an operation that the engine does not have' },
  E_TRACE: { exit: 70, meaning: 'a function does what cannot be recorded' },
  E_SHAPE: { exit: 70, meaning: 'an array has another shape or dtype than wanted' },
  E_ENGINE: { exit: 70, meaning: 'an engine cannot be loaded or failed' },
  E_MPI: { exit: 70, meaning: 'the MPI library cannot be loaded or failed' },
  E_MPI_RANK: { exit: 75, meaning: 'a process of a parallel run is lost' },
  E_WORKER: { exit: 70, meaning: 'a worker thread ended before its work was done' },
  E_NONFINITE: { exit: 70, meaning: 'a computation gives values that are no numbers' },
  E_INTERRUPTED: { exit: 130, meaning: 'stopped by the user' },
  E_TERMINATED: { exit: 143, meaning: 'asked to end, by the system or a scheduler' },
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

export interface PengiErrorOptions {
  /** The file that the message is about. */
  file?: string | undefined;
  /** What to do next, one sentence. */
  hint?: string | undefined;
  cause?: unknown;
}

const marker = Symbol.for('pengi.error');

/**
 * The one error type of these packages. `message` is one line: what was found and what was expected; `hint` is what to
 * do. Use `isPengiError` rather than `instanceof`: it also knows errors of another copy of this package.
 */
export class PengiError extends Error {
  readonly code: ErrorCode;
  readonly file: string | undefined;
  readonly hint: string | undefined;
  readonly [marker] = true;

  constructor(code: ErrorCode, message: string, options: PengiErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'PengiError';
    this.code = code;
    this.file = options.file;
    this.hint = options.hint;
  }

  get exitCode(): number {
    return ERROR_CODES[this.code].exit;
  }

  /** `CODE file: message; hint` on one line, with names of unknown origin made printable. */
  get line(): string {
    const where = this.file === undefined ? '' : ` ${printable(this.file)}:`;
    return `${this.code}${where} ${this.message}${this.hint ? `; ${this.hint}` : ''}`.replace(
      /\s*\n\s*/g,
      ' ',
    );
  }

  toJSON(): Record<string, unknown> {
    return { code: this.code, file: this.file, message: this.message, hint: this.hint };
  }
}

export function isPengiError(error: unknown): error is PengiError {
  return typeof error === 'object' && error !== null && marker in error;
}

/** `name` with control and direction characters escaped, cut at `limit` characters: safe to print. */
export function printable(name: string, limit = 200): string {
  const escaped = name.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach a terminal
    /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return escaped.length > limit ? `${escaped.slice(0, limit - 1)}…` : escaped;
}

/** The part of a validation library's schema that `validate` needs; zod's schemas have it. */
export interface Schema<T> {
  safeParse(
    value: unknown,
  ):
    | { success: true; data: T }
    | { success: false; error: { issues: readonly { path: readonly PropertyKey[]; message: string }[] } };
}

/**
 * `value` checked and completed by `schema`.
 * @throws PengiError E_CONFIG that names each wrong field
 */
export function validate<T>(schema: Schema<T>, value: unknown, options: PengiErrorOptions = {}): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issues = result.error.issues.map((issue) => {
    const path = issue.path.map(String).join('.');
    return path ? `${path}: ${issue.message}` : issue.message;
  });
  throw new PengiError('E_CONFIG', issues.join('; '), options);
}
