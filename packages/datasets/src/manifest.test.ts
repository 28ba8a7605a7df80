import { execFileSync } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { readManifest } from './manifest.js';
import { failure, temporaryFolder } from './testing/files.js';

const folder = temporaryFolder();
beforeEach(async () => {
  await mkdir(join(folder(), 'data'));
  for (const name of ['a.wav', 'b.wav', 'c, d.wav']) await writeFile(join(folder(), 'data', name), '');
});

async function manifest(text: string | Uint8Array, name = 'm.csv'): Promise<string> {
  const path = join(folder(), 'data', name);
  await writeFile(path, text);
  return path;
}

const HEADER = 'audio,prompt,target\n';
const GOOD = 'a.wav,p,t\n';

describe('a good manifest', () => {
  const rows = [
    { id: 'a.wav', prompt: 'this is a sound of', target: 'dog, cat', fields: { source: 'x "y"' } },
    { id: 'b.wav', prompt: 'generate audio caption', target: 'Ein Hund läuft', fields: { source: '' } },
  ];
  const csv =
    'audio,prompt,target,source\na.wav,this is a sound of,"dog, cat","x ""y"""\nb.wav,generate audio caption,Ein Hund läuft,\n';

  it.each([
    ['CSV', csv, 'm.csv'],
    ['CSV with a byte-order mark', `\ufeff${csv}`, 'm.csv'],
    ['CSV of Windows', csv.replaceAll('\n', '\r\n'), 'm.csv'],
    ['CSV without a last line break', csv.trimEnd(), 'm.csv'],
    ['CSV with blank lines', csv.replaceAll('\n', '\n\n'), 'm.csv'],
    [
      'CSV with blanks around its fields',
      csv.replaceAll(',"', ' , "').replace('a.wav,', ' a.wav ,'),
      'm.csv',
    ],
    ['CSV with the columns in another order', reversedColumns(), 'm.csv'],
    ['CSV under another name', csv, 'manifest.txt'],
    ['JSONL', jsonl(), 'm.jsonl'],
    ['JSONL with a byte-order mark', `\ufeff${jsonl()}`, 'm.jsonl'],
    ['JSONL of Windows', jsonl().replaceAll('\n', '\r\n'), 'm.ndjson'],
    ['JSONL under another name', jsonl(), 'manifest.txt'],
  ])('is read: %s', async (_, text, name) => {
    const { examples, problems } = await readManifest(await manifest(text, name));
    expect(problems).toEqual([]);
    expect(examples).toEqual(rows.map((row) => ({ ...row, audio: join(folder(), 'data', row.id) })));
  });

  function jsonl(): string {
    return rows
      .map(({ id, fields, ...row }) => `${JSON.stringify({ audio: id, ...row, ...fields })}\n`)
      .join('');
  }

  function reversedColumns(): string {
    return 'source,target,prompt,audio\n"x ""y""","dog, cat",this is a sound of,a.wav\n,Ein Hund läuft,generate audio caption,b.wav\n';
  }

  it('may have ids and splits, and numbers a path that comes again', async () => {
    const path = await manifest(
      'id,audio,prompt,target,split\none,a.wav,p,t,train\n,a.wav,p,t,\n,b.wav,p,t,test\n,b.wav,p,t,\n',
    );
    const { examples } = await readManifest(path);
    expect(examples.map(({ id, split }) => [id, split])).toEqual([
      ['one', 'train'],
      ['a.wav', undefined],
      ['b.wav', 'test'],
      ['b.wav#5', undefined],
    ]);
    expect(examples[0]?.fields).toEqual({});
  });

  it('may have paths with commas, and texts with line breaks; lines are counted on', async () => {
    const path = await manifest(`${HEADER}"c, d.wav",p,"one\ntwo"\nb.wav,p,\n`);
    const { examples, problems } = await readManifest(path, { skipBadRows: true });
    expect(examples.map(({ audio, target }) => [audio, target])).toEqual([
      [join(folder(), 'data', 'c, d.wav'), 'one\ntwo'],
    ]);
    expect(problems).toEqual([{ line: 4, kind: 'empty-text', message: '"target" is empty' }]);
  });

  it('keeps what JSON has beyond texts as texts', async () => {
    const path = await manifest(
      '{"audio":"a.wav","prompt":"p","target":"t","n":5,"list":["x",1],"none":null,"id":null}\n',
    );
    const { examples } = await readManifest(path);
    expect(examples[0]).toMatchObject({ id: 'a.wav', fields: { n: '5', list: '["x",1]' } });
    expect(Object.keys(examples[0]?.fields ?? {})).toEqual(['n', 'list']);
  });

  it('may have columns with the names of object properties', async () => {
    const path = await manifest('audio,prompt,target,__proto__,constructor\na.wav,p,t,x,y\n');
    const { fields } = (await readManifest(path)).examples[0] as { fields: Record<string, string> };
    expect(Object.entries(fields)).toEqual([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ]);
  });

  it('counts paths from another root when told so', async () => {
    const path = join(folder(), 'm.csv');
    await writeFile(path, HEADER + GOOD);
    expect((await failure(readManifest(path))).message).toContain('does not exist');
    const { examples } = await readManifest(path, { root: join(folder(), 'data') });
    expect(examples[0]?.audio).toBe(join(folder(), 'data', 'a.wav'));
  });

  it('may reach a root and files in it by links and absolute paths', async () => {
    await symlink(join(folder(), 'data'), join(folder(), 'link'));
    await symlink('a.wav', join(folder(), 'data', 'also-a.wav'));
    const path = await manifest(`${HEADER}also-a.wav,p,t\n${join(folder(), 'data', 'b.wav')},p,t\n`);
    const { examples } = await readManifest(path, { root: join(folder(), 'link') });
    expect(examples.map(({ audio }) => audio)).toEqual([
      join(folder(), 'data', 'a.wav'),
      join(folder(), 'data', 'b.wav'),
    ]);
  });

  it('gives back any texts that a CSV writer has quoted', async () => {
    const text = fc
      .string({ unit: 'grapheme', minLength: 1 })
      .filter((s) => s.trim() === s && !s.includes('\0'));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(text, text), { minLength: 1, maxLength: 600 }), async (pairs) => {
        const quote = (s: string) => `"${s.replaceAll('"', '""')}"`;
        const lines = pairs.map(([prompt, target]) => `a.wav,${quote(prompt)},${quote(target)}\n`);
        const { examples } = await readManifest(await manifest(HEADER + lines.join('')));
        expect(examples.map(({ prompt, target }) => [prompt, target])).toEqual(pairs);
      }),
      { seed: 1, numRuns: 40 },
    );
  });
});

describe('a bad row', () => {
  const json = (row: object) => `${JSON.stringify(row)}\n`;
  const ok = { audio: 'a.wav', prompt: 'p', target: 't' };
  const nested = `{"audio":"a.wav","prompt":"p","target":"t","x":${'['.repeat(200_000)}${']'.repeat(200_000)}}\n`;

  it.each([
    ['an empty target', 'm.csv', `${HEADER}${GOOD}b.wav,p,\n`, 3, '"target" is empty'],
    ['a blank prompt', 'm.csv', `${HEADER}b.wav,"  ",t\n`, 2, '"prompt" is empty'],
    ['an empty path', 'm.csv', `${HEADER},p,t\n`, 2, '"audio" is empty'],
    ['a torn line', 'm.csv', `${HEADER}${GOOD}b.wav,p`, 3, 'has 2 columns, the header 3: is the line torn?'],
    [
      'an unquoted comma',
      'm.csv',
      `${HEADER}b.wav,p,dog, cat\n`,
      2,
      'put texts with commas in double quotes',
    ],
    [
      'a quote that is not closed',
      'm.csv',
      `${HEADER}${GOOD}b.wav,p,"t\na.wav,p,t\n`,
      3,
      'lines 3 … 5 are no valid',
    ],
    ['a quote inside of a text', 'm.csv', `${HEADER}b.wav,p,a "big" dog\n${GOOD}`, 2, 'is no valid CSV row'],
    ['text behind a quoted one', 'm.csv', `${HEADER}b.wav,"p" x,t\n${GOOD}`, 2, 'is no valid CSV row'],
    ['a NUL', 'm.csv', `${HEADER}b.wav,p,t\0\n`, 2, '"target" holds a NUL'],
    [
      'an oversize field',
      'm.csv',
      `${HEADER}b.wav,p,${'é'.repeat(16_385)}\n`,
      2,
      '"target" is longer than 32768 bytes',
    ],
    ['an oversize row', 'm.csv', `${HEADER}b.wav,p,${'x'.repeat(2 ** 20)}\n`, 2, 'at most 1048576 are read'],
    ['a path with a line break', 'm.csv', `${HEADER}"b\n.wav",p,t\n`, 2, '"audio" holds a line break'],
    [
      'a repeated id',
      'm.csv',
      `id,${HEADER}x,a.wav,p,t\nx,b.wav,p,t\n`,
      3,
      'the id "x" is that of line 2 already',
    ],
    ['torn JSON', 'm.jsonl', `${json(ok)}{"audio":"b.wav","pro`, 2, 'is no valid JSON: is the line torn?'],
    ['a JSON list', 'm.jsonl', `${json(ok)}["b.wav"]\n`, 2, 'is no JSON object'],
    ['a missing key', 'm.jsonl', json({ ...ok, target: undefined }), 1, '"target" is missing'],
    ['a number for a text', 'm.jsonl', json({ ...ok, target: 60 }), 1, '"target" is no text but a number'],
    ['a list for a text', 'm.jsonl', json({ ...ok, target: ['t'] }), 1, '"target" is no text but a list'],
    ['a NUL in JSON', 'm.jsonl', json({ ...ok, prompt: 'a\0b' }), 1, '"prompt" holds a NUL'],
    ['deep JSON', 'm.jsonl', nested, 1, /is nested too deeply|longer than/],
    [
      'many keys',
      'm.jsonl',
      json({ ...ok, ...Object.fromEntries([...Array(254).keys()].entries()) }),
      1,
      'has 257 keys',
    ],
    ['missing audio', 'm.csv', `${HEADER}no.wav,p,t\n`, 2, '"no.wav" does not exist in'],
  ])('is refused with file and line: %s', async (_, name, text, line, message) => {
    const path = await manifest(text, name);
    const error = await failure(readManifest(path));
    expect(error).toMatchObject({ code: 'E_DATA', file: `${path}:${line}` });
    expect(error.message).toMatch(message);
    expect(error.message).toMatch(/\(1 of \d+ rows is bad\)$/);
    expect(error.hint).toContain('skipBadRows');

    const { examples, problems } = await readManifest(path, { skipBadRows: true });
    expect(problems).toHaveLength(1);
    expect(problems[0]?.line).toBe(line);
    expect(problems[0]?.message).toMatch(message);
    expect(examples.every((example) => example.target === 't')).toBe(true);
  });

  it('does not cost the rows around it, however many there are', async () => {
    const lines = Array.from({ length: 2000 }, (_, i) => (i % 500 === 7 ? 'b.wav,p,"x" y' : `a.wav,p,t${i}`));
    const path = await manifest(HEADER + lines.join('\n'));
    const { examples, problems } = await readManifest(path, { skipBadRows: true });
    expect(examples).toHaveLength(1996);
    expect(examples[10]?.target).toBe('t11');
    expect(problems.map(({ line }) => line)).toEqual([9, 509, 1009, 1509]);
    expect((await failure(readManifest(path))).message).toContain('(4 of 2000 rows are bad)');
  });

  it('does not put the content of the file into the message', async () => {
    const secret = 'password-of-someone';
    for (const [name, text] of [
      ['m.csv', `${HEADER}a.wav,p,"${secret}" x\n`],
      ['m.jsonl', `{"audio": ${secret}\n`],
    ] as const)
      expect((await failure(readManifest(await manifest(text, name)))).line).not.toContain(secret);
  });
});

describe('a bad file', () => {
  const latin1 = Buffer.from('audio,prompt,target\na.wav,p,t\nb.wav,p,Hund l\xe4uft\n', 'latin1');

  it.each([
    ['an empty one', 'm.csv', '', '', 'is empty'],
    ['a header alone', 'm.csv', HEADER, '', 'holds no rows below its header'],
    ['blank JSONL', 'm.jsonl', '\n\n', '', 'holds no rows'],
    [
      'a missing column',
      'm.csv',
      'audio,prompt,caption\na.wav,p,t\n',
      ':1',
      'lacks the column target; found audio, prompt, caption',
    ],
    ['no header', 'm.csv', GOOD, ':1', 'lacks the columns audio, prompt, target'],
    ['a repeated column', 'm.csv', 'audio,audio,prompt,target\n', ':1', 'the column "audio" occurs twice'],
    ['a torn header', 'm.csv', '"audio,prompt,target\n', ':1', 'the header is no valid CSV'],
    ['a header behind blank lines', 'm.csv', '\n\naudio\na.wav\n', ':3', 'lacks the columns prompt, target'],
    ['a million columns', 'm.csv', `${'a,'.repeat(500_000)}a\n`, ':1', 'has 500001 columns; at most 256'],
    ['a NUL in the header', 'm.csv', 'audio\0,prompt,target\n', ':1', 'a column holds a NUL'],
    ['Latin-1', 'm.csv', latin1, ':3', 'is not UTF-8'],
    ['UTF-16', 'm.csv', Buffer.from('\ufeffaudio', 'utf16le'), '', 'is UTF-16'],
  ])('is refused, bad rows skipped or not: %s', async (_, name, content, line, message) => {
    const path = await manifest(content, name);
    for (const skipBadRows of [false, true]) {
      const error = await failure(readManifest(path, { skipBadRows }));
      expect(error).toMatchObject({ code: 'E_DATA', file: `${path}${line}` });
      expect(error.message).toContain(message);
    }
  });

  it('is refused with a hint when its columns are not separated by commas', async () => {
    const path = await manifest('audio\tprompt\ttarget\na.wav\tp\tt\n');
    expect((await failure(readManifest(path))).hint).toBe('separate the columns by commas');
  });

  it('is E_NOT_FOUND when it or its root is missing, or is no file', async () => {
    const path = join(folder(), 'data');
    expect(await failure(readManifest(join(path, 'no.csv')))).toMatchObject({ code: 'E_NOT_FOUND' });
    expect(await failure(readManifest(path))).toMatchObject({ code: 'E_NOT_FOUND', message: 'is a folder' });
    const good = await manifest(HEADER + GOOD);
    for (const root of [join(path, 'no'), good])
      expect(await failure(readManifest(good, { root }))).toMatchObject({ code: 'E_NOT_FOUND', file: root });
  });
});

describe('an audio path', () => {
  const outside = /leads out of .* as root \(--root\)/;

  it.each([
    ['../secret.wav', outside],
    ['../../../../../../../etc/passwd', outside],
    ['../not-there.wav', outside],
    ['sub/../../secret.wav', outside],
    ['/etc/passwd', outside],
    ['/proc/self/mem', outside],
    ['/dev/zero', outside],
    ['link-to-secret.wav', outside],
    ['link-to-parent/secret.wav', outside],
    ['.', outside],
    ['..', outside],
    ['sub', /not a regular file/],
    ['a.wav/x', /does not exist/],
    ['loop.wav', /cannot be read \(ELOOP\)/],
    [`${'x'.repeat(5000)}.wav`, /cannot be read \(ENAMETOOLONG\)/],
    ['http://example.org/a.wav', /is a URL/],
    ['file:///etc/passwd', /is a URL/],
    ['FILE:/etc/passwd', /is a URL/],
    ['..%2fsecret.wav', /does not exist/],
  ])('is refused: %s', async (name, message) => {
    const data = join(folder(), 'data');
    await writeFile(join(folder(), 'secret.wav'), 'secret');
    await mkdir(join(data, 'sub'));
    await symlink(join(folder(), 'secret.wav'), join(data, 'link-to-secret.wav'));
    await symlink('..', join(data, 'link-to-parent'));
    await symlink('loop.wav', join(data, 'loop.wav'));
    const path = await manifest(`${HEADER}${GOOD}${name},p,t\n`);
    const error = await failure(readManifest(path));
    expect(error).toMatchObject({ code: 'E_DATA', file: `${path}:3` });
    expect(error.message).toMatch(message);
  });

  it.skipIf(process.platform === 'win32')('is refused, without waiting, when it is a pipe', async () => {
    execFileSync('mkfifo', [join(folder(), 'data', 'pipe.wav')]);
    const error = await failure(readManifest(await manifest(`${HEADER}pipe.wav,p,t\n`)));
    expect(error).toMatchObject({ code: 'E_DATA' });
    expect(error.message).toContain('not a regular file');
  });

  it('is printed without its control characters', async () => {
    const error = await failure(readManifest(await manifest(`${HEADER}x\u001b[31m.wav,p,t\n`)));
    expect(error.line).toContain('x\\u001b[31m.wav');
  });
});
