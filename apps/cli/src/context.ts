import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PengiError, type StartProgress } from '@pengi/core';
import { stderrProgress } from '@pengi/core/node';
import { createEngine, type Engine, type EngineOptions } from '@pengi/jit';
import type { Command } from 'commander';
import { writeLine } from './terminal.js';

/** What every command has: its options, how to print, and the engine. */
export interface Context {
  readonly json: boolean;
  readonly debug: boolean;
  /** @param defaults for what the command line leaves open */
  engine(defaults?: EngineOptions): Promise<Engine>;
  /** A line for people; nothing with --json. */
  say(line: string): void;
  /** The result for machines; nothing without --json. */
  data(value: unknown): void;
  /** Something worth knowing that is no result: a line on stderr. */
  warn(line: string): void;
  readonly progress: StartProgress;
}

interface GlobalOptions {
  json?: boolean;
  debug?: boolean;
  engine?: string;
  threads?: number;
}

export function contextOf(command: Command): Context {
  const { json = false, debug = false, engine, threads } = command.optsWithGlobals<GlobalOptions>();
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1))
    throw new PengiError('E_USAGE', '--threads takes a whole number from 1 on');
  return {
    json,
    debug,
    engine: (defaults) => createEngine(engine, threads === undefined ? defaults : { ...defaults, threads }),
    say: (line) => void (json || writeLine('stdout', line)),
    data: (value) => void (json && process.stdout.write(`${JSON.stringify(value)}\n`)),
    warn: (line) => writeLine('stderr', `pengi: ${line}`),
    progress: stderrProgress,
  };
}

/** Where the quickstart leaves its model. */
const QUICKSTART_MODEL = join('quickstart', 'model');

/** The model folder: as given, or PENGI_MODEL, or the quickstart's. */
export function modelFolder(given: string | undefined): string {
  const folder = given ?? process.env.PENGI_MODEL;
  if (folder !== undefined) return folder;
  if (existsSync(QUICKSTART_MODEL)) return QUICKSTART_MODEL;
  throw new PengiError('E_USAGE', 'no model was named', {
    hint: 'give --model FOLDER or set PENGI_MODEL; "pengi quickstart" trains a small one in quickstart/model',
  });
}

/** What kind of model a folder says that it holds; undefined when it cannot be told. */
export function modelKind(folder: string): string | undefined {
  try {
    return (JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as { model?: string }).model;
  } catch {
    return undefined; // loading it says what is wrong
  }
}
