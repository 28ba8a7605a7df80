import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { pythonWith } from '../../../scripts/python-env.js';

const run = promisify(execFile);
const PACKAGES = ['onnx==1.23.2', 'onnxruntime==1.32.0', 'numpy==2.4.6'];

/**
 * The interpreter that PENGI_ONNX_PYTHON names, or one in a folder for temporary files, made now if it is not there; undefined
 * where that cannot be done.
 */
export async function findPython(): Promise<string | undefined> {
  if (process.env.PENGI_ONNX_PYTHON) return process.env.PENGI_ONNX_PYTHON;
  return pythonWith(join(tmpdir(), 'pengi-onnx'), { packages: PACKAGES }).catch((error: Error) => {
    console.log(error.message.slice(0, 2000));
    return undefined;
  });
}

/** The largest relative difference of each output, or what went wrong. */
export type Answer =
  | { versions: Record<string, string>; worst: Record<string, number> }
  | { problem: string };

export async function runPython(python: string, folder: string): Promise<Answer> {
  try {
    const { stdout } = await run(python, [join(import.meta.dirname, 'check.py'), folder]);
    return JSON.parse(stdout) as Answer;
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string };
    return { problem: (stderr || message).trim().split('\n').slice(-3).join(' | ') };
  }
}
