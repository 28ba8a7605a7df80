import { readFile } from 'node:fs/promises';
import { PengiError, printable } from '@pengi/core';
import { fileError } from '@pengi/core/node';

/** Class -> the text that stands for it. */
export type Wordings = Readonly<Record<string, string>>;

/**
 * Wordings of your own: a JSON object of class -> wording, such as those in `tasks/wordings`.
 * @throws PengiError E_NOT_FOUND, E_IO; E_CONFIG for anything else than an object of texts
 */
export async function readWordings(file: string): Promise<Wordings> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw fileError(error, file, 'read');
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new PengiError('E_CONFIG', 'is no valid JSON', { file, hint: WANTED });
  }
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isObject || Object.values(value as object).some((wording) => typeof wording !== 'string'))
    throw new PengiError('E_CONFIG', 'is no object of texts', { file, hint: WANTED });
  return value as Wordings;
}

const WANTED = 'write {"class": "its wording", …}';

/**
 * Every class has a wording that is no other's, and there is no wording for what is no class.
 * @throws PengiError E_CONFIG that names the first that is wrong
 */
export function checkWordings(wordings: Wordings, classes: readonly string[], task: string): void {
  const refuse = (message: string) => {
    throw new PengiError('E_CONFIG', `wordings of ${task}: ${message}`, {
      hint: 'a wordings file names every class once',
    });
  };
  const missing = classes.find((name) => !Object.hasOwn(wordings, name) || wordings[name]?.trim() === '');
  if (missing !== undefined) refuse(`"${printable(missing, 60)}" has none`);
  const foreign = Object.keys(wordings).find((name) => !classes.includes(name));
  if (foreign !== undefined) refuse(`"${printable(foreign, 60)}" is no class`);
  const seen = new Set<string>();
  for (const wording of Object.values(wordings)) {
    if (seen.has(wording)) refuse(`"${printable(wording, 60)}" stands for two classes`);
    seen.add(wording);
  }
}
