import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { evaluate } from '../index.js';
import { createJavaScorer, findJava, installedPrograms, type JavaRuntime, meteor, spice } from './index.js';

/**
 * Stands in for Java, and speaks the protocols of the two programs: METEOR's statistics are the number of references, its score that
 * over 10, the corpus's score 0.75; SPICE gives 0.5. FAKE_JAVA names what goes wrong.
 */
const FAKE = `#!${process.execPath}
const fs = require('node:fs');
const args = process.argv.slice(2);
const how = fs.readFileSync(__dirname + '/how', 'utf8');
fs.appendFileSync(__dirname + '/starts', args.join(' ') + '\\n');
if (args[0] === '-version') { console.error('openjdk version "17.0.15" 2025-04-15'); process.exit(0); }
if (how === 'hang') { fs.writeFileSync(__dirname + '/pid', String(process.pid)); setInterval(() => {}, 1000); }
else if (how === 'fail') { console.error('java.lang.OutOfMemoryError: Java heap space'); process.exit(3); }
else if (args.includes('-stdio')) {
  require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
    const [kind, ...texts] = line.split(' ||| ');
    if (kind === 'SCORE') console.log(String(texts.length - 1));
    else { for (const text of texts) console.log(Number(text) / 10); console.log(0.75); }
  });
} else {
  const score = { pr: 0.5, re: 0.5, f: 0.5, tp: 1, fp: 1, fn: 1 };
  const names = ['All', 'Object', 'Attribute', 'Relation', 'Size', 'Color', 'Cardinality'];
  const input = args[args.indexOf('-out') - 1];
  const rows = JSON.parse(fs.readFileSync(input, 'utf8'));
  fs.writeFileSync(args[args.indexOf('-out') + 1], JSON.stringify(rows.map(({ image_id }) => ({
    image_id, scores: Object.fromEntries(names.map((name) => [name, score])) }))));
}
`;
const candidates = [['a', 'dog'], ['rain']];
const references = [[['the', 'dog'], ['dogs']], [['heavy', 'rain']]];

let folder: string;
let java: JavaRuntime;
const behave = (how: 'well' | 'hang' | 'fail') => writeFile(join(folder, 'how'), how);
const starts = () =>
  readFile(join(folder, 'starts'), 'utf8').then(
    (text) => text.trim().split('\n').length,
    () => 0,
  );

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pengi-java-'));
  java = { path: join(folder, 'java.cjs'), major: 17 };
  await writeFile(java.path, FAKE);
  await chmod(java.path, 0o755);
  await behave('well');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function install(): Promise<void> {
  const models = 'spice/models/edu/stanford/nlp';
  for (const name of [
    'meteor/meteor-1.5.jar',
    'meteor/data/paraphrase-en.gz',
    'spice/spice-1.0.jar',
    'spice/lib/SceneGraphParser-1.0.jar',
    `${models}/pipeline/StanfordCoreNLP.class`,
    `${models}/models/lexparser/englishPCFG.ser.gz`,
    `${models}/models/sutime/defs.sutime.txt`,
    `${models}/models/dcoref/gender.map.ser.gz`,
  ]) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), '');
  }
}

describe.skipIf(process.platform === 'win32')('Java programs', () => {
  it('METEOR runs in one process, and from the cache in none', async () => {
    const options = { java, folder, cache: join(folder, 'results') };
    const wanted = { corpus: 0.75, sentences: [0.2, 0.1] };
    expect(await meteor(candidates, references, options)).toEqual(wanted);
    expect(await starts()).toBe(1);
    expect(await meteor(candidates, references, { ...options, java: { path: '/none', major: 17 } })).toEqual(
      wanted,
    );
  });

  it('SPICE parses each clip once, and again after its line in the cache was torn', async () => {
    const options = { java, folder, cache: join(folder, 'results') };
    expect(await spice(candidates, references, options)).toMatchObject({
      corpus: 0.5,
      sentences: [0.5, 0.5],
    });
    await spice(candidates, references, options);
    expect(await starts()).toBe(1);
    const path = join(folder, 'results', 'spice-1.0.jsonl');
    await writeFile(path, (await readFile(path, 'utf8')).trim().slice(0, -20));
    expect(await spice(candidates, references, options)).toMatchObject({ sentences: [0.5, 0.5] });
    await spice(candidates, references, options);
    expect(await starts()).toBe(2);
  });

  it('a program that fails gives a reason, and no score', async () => {
    await install();
    await behave('fail');
    const external = createJavaScorer({ folder, java });
    const { corpus, notComputed } = await evaluate(['a dog'], [['the dog']], {
      metrics: ['meteor', 'spice'],
      external,
    });
    expect(corpus).toEqual({});
    expect(notComputed.meteor).toBe(
      'METEOR ended with status 3 (java.lang.OutOfMemoryError: Java heap space)',
    );
    expect(notComputed.spice).toContain('SPICE ended with status 3');
  });

  it('programs that are not there are named', async () => {
    expect(await installedPrograms(folder)).toEqual({ meteor: false, spice: false });
    const { meteor: without } = createJavaScorer({ folder, java });
    expect(await without(candidates, references)).toEqual({
      missing: 'METEOR is not installed; pengi metrics install',
    });
    await install();
    expect(await installedPrograms(folder)).toEqual({ meteor: true, spice: true });
  });

  it('an interrupt ends the program', async () => {
    await behave('hang');
    const stop = new AbortController();
    const running = meteor(candidates, references, { java, folder, signal: stop.signal });
    const outcome = expect(running).rejects.toThrow('enough');
    while (!existsSync(join(folder, 'pid')) || (await readFile(join(folder, 'pid'), 'utf8')) === '')
      await new Promise(setImmediate);
    stop.abort(new Error('enough'));
    await outcome;
    const pid = Number(await readFile(join(folder, 'pid'), 'utf8'));
    await expect.poll(() => isAlive(pid)).toBe(false);
  });

  it('is found by PENGI_JAVA, with its version, or not at all', async () => {
    expect(await findJava({ PENGI_JAVA: java.path })).toEqual(java);
    expect(await findJava({ PENGI_JAVA: join(folder, 'none') })).toBeUndefined();
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
