import { PengiError, printable } from '@pengi/core';
import { z } from 'zod';
import { isAudioName } from '../sets/finder.js';
import { type ReadAt, readFrom, type TarMember, tarMembers } from '../tar/members.js';
import { PROMPTS } from '../templates.js';
import type { ExampleText } from '../training/source.js';

/**
 * The convention of WebDataset: members that follow each other and have the same name up to the first dot of its last part
 * are one sample, and what follows the dot says what each is.
 */
export interface Sample {
  readonly key: string;
  /** Its members with all their headers: bytes [start, end) of the shard. */
  readonly start: number;
  readonly end: number;
  /** The audio member, by what follows the dot. */
  readonly audio: { readonly extension: string; readonly offset: number; readonly bytes: number };
  readonly notes: SampleNotes;
}

/** What the members beside the audio say. */
export interface SampleNotes {
  readonly json?: Readonly<Record<string, unknown>>;
  readonly txt?: string;
  readonly cls?: string;
}

/** A sample, or a member, that cannot be used. */
export interface SampleProblem {
  readonly key: string;
  readonly start: number;
  readonly message: string;
}

/** Longer notes are none. */
const MAX_NOTE = 1024 * 1024;
/** What makes a `Buffer`'s offsets: a sample is read as a whole. */
const MAX_SAMPLE = 2 ** 30;

/** The samples of a shard, in order. @throws PengiError E_DATA as `tarMembers` */
export async function* samplesOf(
  read: ReadAt,
  size: number,
  file: string,
  onEnd?: (isMarked: boolean) => void,
): AsyncGenerator<Sample | SampleProblem> {
  let group: NamedMember[] = [];
  for await (const member of tarMembers(read, size, file, onEnd)) {
    const named = namedMember(member);
    if (named === undefined) continue;
    if ('message' in named) yield named;
    else {
      if (group[0] && group[0].key !== named.key) {
        yield await toSample(group, read);
        group = [];
      }
      group.push(named);
    }
  }
  if (group[0]) yield await toSample(group, read);
}

/**
 * The sample that `bytes` are, which were cut out of a shard by an index.
 * @throws PengiError E_DATA when they are not the sample of this key: the index belongs to another shard
 */
export async function sampleIn(bytes: Uint8Array, key: string, file: string): Promise<Sample> {
  const refuse = (why: string): never => {
    throw new PengiError(
      'E_DATA',
      `does not hold the sample "${printable(key, 80)}" where its index says: ${why}`,
      {
        file,
        hint: 'the index is of another shard: delete it, so that it is made anew',
      },
    );
  };
  const found: (Sample | SampleProblem)[] = [];
  try {
    for await (const sample of samplesOf(readFrom(bytes), bytes.length, file)) found.push(sample);
  } catch (error) {
    refuse((error as PengiError).message);
  }
  const [sample] = found;
  if (sample === undefined || found.length > 1) return refuse(`${found.length} samples are there`);
  if ('message' in sample) return refuse(sample.message);
  return sample.key === key ? sample : refuse(`"${printable(sample.key, 80)}" is there`);
}

interface NamedMember extends TarMember {
  readonly key: string;
  readonly extension: string;
}

/** Undefined for what is no part of a sample: folders, hidden files, names without a dot, WebDataset's own `__name__`. */
function namedMember(member: TarMember): NamedMember | SampleProblem | undefined {
  const { name, start, isFile } = member;
  const [, key, extension] = /^((?:.*\/)?[^./][^./]*)\.([^/]*)$/s.exec(name) ?? [];
  if (key === undefined || extension === undefined || /^__.*__$/.test(name)) return undefined;
  if (!isFile) return { key, start, message: `"${printable(name, 80)}" is a link or a device, not a file` };
  return { ...member, key, extension: extension.toLowerCase() };
}

async function toSample(members: readonly NamedMember[], read: ReadAt): Promise<Sample | SampleProblem> {
  const { key, start } = members[0] as NamedMember;
  const { end } = members.at(-1) as NamedMember;
  const problem = (message: string): SampleProblem => ({ key, start, message });
  const repeated = members.find(({ extension }, i) =>
    members.slice(0, i).some((earlier) => earlier.extension === extension),
  );
  if (repeated) return problem(`holds "${printable(repeated.name, 80)}" twice`);
  const audio = members.find(({ extension }) => isAudioName(`a.${extension}`));
  if (audio === undefined)
    return problem(`has no audio (${members.map(({ extension }) => printable(extension, 20)).join(', ')})`);
  if (end - start > MAX_SAMPLE) return problem(`has ${end - start} bytes; at most ${MAX_SAMPLE} are read`);
  const notes: { json?: Record<string, unknown>; txt?: string; cls?: string } = {};
  for (const { extension, offset, bytes } of members) {
    const kind = extension.split('.').at(-1);
    if ((kind !== 'json' && kind !== 'txt' && kind !== 'cls') || notes[kind] !== undefined) continue;
    if (bytes > MAX_NOTE) return problem(`has a .${kind} of ${bytes} bytes; at most ${MAX_NOTE} are read`);
    const text = utf8(await read(offset, bytes));
    if (text === undefined) return problem(`has a .${kind} that is not UTF-8`);
    if (kind !== 'json') notes[kind] = text.trim();
    else {
      const json = parsed(text);
      if (json === undefined) return problem('has a .json that is no JSON object');
      notes.json = json;
    }
  }
  return {
    key,
    start,
    end,
    audio: { extension: audio.extension, offset: audio.offset, bytes: audio.bytes },
    notes,
  };
}

function utf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** How notes that others wrote become texts. */
export interface NoteOptions {
  /** The prompt of captions that come without one; "generate audio caption" by default. */
  readonly prompt?: string;
  /** The names of the classes that `.cls` numbers; their prompt is "this is a sound of" unless `prompt` says otherwise. */
  readonly classes?: readonly string[];
}

/** What a sample is, told by its notes. */
export interface SampleFacts {
  readonly set?: string;
  readonly id: string;
  /** What it was packed from; its key where nothing says so. */
  readonly name: string;
  readonly texts: readonly ExampleText[];
  readonly sources: readonly string[];
}

const Text = z.object({
  id: z.string().optional(),
  prompt: z.string(),
  target: z.string(),
  start: z.number().optional(),
  end: z.number().optional(),
  fields: z.record(z.string(), z.string()).optional(),
});
const Strings = z.union([z.string(), z.array(z.string())]);

/**
 * The facts in a sample's notes. Known are, in this order: `texts` as `pengi data pack` writes them; `prompt` and `target`;
 * `captions`, `caption` or `text` (one, or a list); a `.txt`; a `.cls`.
 */
export function factsOf(
  key: string,
  { json = {}, txt, cls }: SampleNotes,
  options: NoteOptions = {},
): SampleFacts {
  const id = typeof json.id === 'string' && json.id !== '' ? json.id : key;
  const sources = z.array(z.string()).safeParse(json.sources);
  return {
    id,
    name: typeof json.file === 'string' ? json.file : key,
    ...(typeof json.set === 'string' && { set: json.set }),
    texts: textsOf(id, json, { txt, cls }, options),
    sources: sources.success ? sources.data : [],
  };
}

function textsOf(
  id: string,
  json: Readonly<Record<string, unknown>>,
  { txt, cls }: { txt: string | undefined; cls: string | undefined },
  { prompt, classes }: NoteOptions,
): ExampleText[] {
  const numbered = (texts: readonly { prompt: string; target: string }[]) =>
    texts
      .filter((text) => text.target.trim() !== '' && text.prompt.trim() !== '')
      .map((text, n, { length }) => ({ id: length > 1 ? `${id}#${n + 1}` : id, ...text }));
  const own = z.array(Text).safeParse(json.texts);
  if (own.success) return numbered(own.data) as ExampleText[];
  if (typeof json.target === 'string')
    return numbered([
      {
        prompt: typeof json.prompt === 'string' ? json.prompt : (prompt ?? PROMPTS.caption),
        target: json.target,
      },
    ]);
  const captions = Strings.safeParse(json.captions ?? json.caption ?? json.text ?? txt);
  if (captions.success)
    return numbered([captions.data].flat().map((target) => ({ prompt: prompt ?? PROMPTS.caption, target })));
  const label = cls === undefined ? undefined : /^\d+$/.test(cls) ? classes?.[Number(cls)] : cls;
  return label === undefined ? [] : numbered([{ prompt: prompt ?? PROMPTS.events, target: label }]);
}
