/** The kinds of errors of the paper's appendix F, told by rules rather than by reading. */
import { readFile } from 'node:fs/promises';
import { PengiError } from '@pengi/core';
import { fileError } from '@pengi/core/node';
import type { Label } from '../runner/evaluation.js';
import { normalised } from '../scoring/questions.js';
import type { ItemResult } from '../scoring/result.js';

export type ErrorKind =
  /** The text names the right class and no other, and was matched with another: the comparison is at fault. */
  | 'text matching'
  /** The text names what is above, below or beside the right class: it is more or less exact than the classes are. */
  | 'hierarchy'
  /** The text is about something else: the model heard another thing. */
  | 'concept'
  /** Nothing was said. */
  | 'no answer';

export interface ErrorTypes {
  readonly right: number;
  readonly counts: Readonly<Record<ErrorKind, number>>;
  /** By item id. */
  readonly kinds: ReadonlyMap<string, ErrorKind>;
}

/** Names of sounds and what lies above each, in words. */
export interface Ontology {
  /** The names that are above `name`, nearest first; empty for what is not in it. */
  above(name: string): readonly string[];
  has(name: string): boolean;
  readonly names: readonly string[];
}

/**
 * AudioSet's ontology.json, which its site offers: entries with id, name and child_ids.
 * @throws PengiError E_NOT_FOUND, E_IO, E_DATA for anything else
 */
export async function readOntology(file: string): Promise<Ontology> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw fileError(error, file, 'read');
  });
  let entries: readonly { id: string; name: string; child_ids: readonly string[] }[];
  try {
    entries = JSON.parse(text) as typeof entries;
    if (!entries.every(({ id, name, child_ids }) => id && name && Array.isArray(child_ids)))
      throw new Error();
  } catch {
    throw new PengiError('E_DATA', 'is no ontology: a list of {id, name, child_ids} is wanted', { file });
  }
  const names = new Map(entries.map(({ id, name }) => [id, normalised(name)]));
  const parents = new Map<string, string[]>();
  for (const { name, child_ids } of entries)
    for (const child of child_ids) {
      const below = names.get(child);
      if (below !== undefined) parents.set(below, [...(parents.get(below) ?? []), normalised(name)]);
    }
  const known = new Set(names.values());
  return {
    names: [...known],
    has: (name) => known.has(normalised(name)),
    above(name) {
      const found: string[] = [];
      const queue = [...(parents.get(normalised(name)) ?? [])];
      for (let next = queue.shift(); next !== undefined; next = queue.shift())
        if (!found.includes(next)) {
          found.push(next);
          queue.push(...(parents.get(next) ?? []));
        }
      return found;
    },
  };
}

/**
 * The errors of a task of one label that was answered by text matching. Without an ontology there are no errors of hierarchy:
 * they count as errors of concept.
 */
export function errorTypes(
  items: readonly ItemResult[],
  labels: readonly Label[],
  ontology?: Ontology,
): ErrorTypes {
  const textOf = new Map(labels.map(({ name, text }) => [name, normalised(text)]));
  const kinds = new Map<string, ErrorKind>();
  for (const { id, score, answer, expected } of items)
    if (score === 0) kinds.set(id, kindOf(normalised(answer), expected, textOf, ontology));
  const count = (kind: ErrorKind) => [...kinds.values()].filter((one) => one === kind).length;
  return {
    right: items.length - kinds.size,
    counts: {
      'text matching': count('text matching'),
      hierarchy: count('hierarchy'),
      concept: count('concept'),
      'no answer': count('no answer'),
    },
    kinds,
  };
}

function kindOf(
  answer: string,
  expected: readonly string[],
  textOf: ReadonlyMap<string, string>,
  ontology: Ontology | undefined,
): ErrorKind {
  if (answer === '') return 'no answer';
  const named = [...textOf].filter(([, text]) => mentions(answer, text)).map(([name]) => name);
  if (named.length > 0 && named.every((name) => expected.includes(name))) return 'text matching';
  if (ontology && named.length === 0) {
    const right = expected
      .map((name) => textOf.get(name) ?? normalised(name))
      .filter((text) => ontology.has(text));
    const said = ontology.names.filter((name) => mentions(answer, name));
    const related = (a: string, b: string) =>
      ontology.above(a).includes(b) ||
      ontology.above(b).includes(a) ||
      ontology.above(a)[0] === ontology.above(b)[0];
    if (right.some((text) => said.some((name) => related(text, name)))) return 'hierarchy';
  }
  return 'concept';
}

/** As whole words. */
function mentions(text: string, words: string): boolean {
  return words !== '' && ` ${text} `.includes(` ${words} `);
}
