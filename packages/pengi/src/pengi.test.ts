import { floats } from '@pengi/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PengiConfig } from './config.js';
import type { GenerateOptions, Pengi } from './pengi.js';
import {
  BASE,
  LONG_PROMPT,
  NO_TEXT_ENCODER,
  paramsOf,
  pengiOf,
  tone,
  withPositions,
} from './testing/models.js';

const [low, high] = [tone(200), tone(1500)];
const CAPTION = 'generate audio caption';

/** What must be equal: rounding may differ with what is computed beside it. */
const texts = (answers: { text: string; finished: boolean }[]) =>
  answers.map(({ text, finished }) => ({ text, finished }));

describe.each<[string, PengiConfig]>([
  ['with a text encoder', BASE],
  ['without a text encoder', NO_TEXT_ENCODER],
])('a model %s', (_kind, config) => {
  let pengi: Pengi;
  beforeAll(async () => {
    pengi = await pengiOf(config);
  });
  afterAll(() => pengi.dispose());

  it('answers in a text that depends on the recording and on the prompt', async () => {
    const options: GenerateOptions = { maxTokens: 12, strategy: 'greedy' };
    const ask = async (input: typeof low, prompt: string) =>
      (await pengi.generate([input], { ...options, prompt }))[0]!;
    const [answer, ofHigh, toOther] = [
      await ask(low, CAPTION),
      await ask(high, CAPTION),
      await ask(low, 'generate metadata'),
    ];
    expect(answer.text).not.toBe('');
    expect(answer.score).toBeLessThan(0);
    expect(answer.warnings).toEqual([]);
    expect(ofHigh.score).not.toBeCloseTo(answer.score, 4);
    expect(toOther.score).not.toBeCloseTo(answer.score, 4);
  });

  it('gives one beam of the search as the greedy choice', async () => {
    const greedy = await pengi.generate([low], { strategy: 'greedy' });
    expect(await pengi.generate([low], { beams: 1 })).toEqual(greedy);
    expect(greedy[0]!.alternatives).toEqual([]);
  });

  it('gives as many texts as beams, the best first', async () => {
    const [answer] = await pengi.generate([low], { beams: 3, maxTokens: 5 });
    const scores = [answer!, ...answer!.alternatives].map(({ score }) => score);
    expect(scores).toHaveLength(3);
    expect(scores).toEqual(scores.toSorted((a, b) => b - a));
  });

  it('answers several recordings as it answers each alone', async () => {
    const inputs = [low, high, tone(700), tone(90), tone(4000)]; // more than a batch
    const prompt = [CAPTION, 'this is a sound of', CAPTION, 'generate metadata', 'question: what is it?'];
    const options = { beams: 2, maxTokens: 8 };
    const together = await pengi.generate(inputs, { ...options, prompt });
    const alone = [];
    for (const [i, input] of inputs.entries())
      alone.push(...(await pengi.generate([input], { ...options, prompt: prompt[i]! })));
    expect(texts(together)).toEqual(texts(alone));
    for (const [i, { score }] of together.entries()) expect(score).toBeCloseTo(alone[i]!.score, 4);
  });

  it('answers about embeddings as about their recordings', async () => {
    const inputs = [low, high, tone(700), tone(90), tone(4000)]; // more than a batch
    const prompts = inputs.map((_, i) => (i % 2 === 0 ? CAPTION : 'generate metadata'));
    const options = { beams: 2, maxTokens: 8 };
    const heard = await pengi.embedAudio(inputs);
    const expected = texts(await pengi.generate(inputs, { ...options, prompt: prompts }));
    expect(texts(await pengi.answer(heard, prompts, options))).toEqual(expected);
    await expect(pengi.answer(heard, [CAPTION])).rejects.toMatchObject({ code: 'E_SHAPE' });
  });

  it('draws the same text with the same seed', async () => {
    const draw = async (seed: number) =>
      (await pengi.generate([low], { strategy: 'sample', seed, beams: 2, maxTokens: 10 }))[0]!;
    const first = await draw(7);
    expect(await draw(7)).toEqual(first);
    expect((await draw(8)).text).not.toBe(first.text);
  });

  it('cuts a long prompt and says so', async () => {
    const [answer] = await pengi.generate([low], { prompt: LONG_PROMPT, maxTokens: 4 });
    expect(answer!.warnings).toEqual(['the prompt is longer than 40 tokens and was cut']);
  });

  it.each([
    ['', 'the prompt is empty'],
    [' \n', 'the prompt is empty'],
    ['generate xylophone', expect.stringMatching(/^this model does not know .*x/)],
  ])('refuses the prompt %j', async (prompt, message) => {
    const answer = pengi.generate([low], { prompt });
    await expect(answer).rejects.toMatchObject({ code: 'E_TEXT', message });
  });
});

describe('captions, questions, descriptions', () => {
  let pengi: Pengi;
  beforeAll(async () => {
    pengi = await pengiOf(BASE);
  });
  afterAll(() => pengi.dispose());

  const answerTo = async (prompt: string, options: GenerateOptions = {}) =>
    (await pengi.generate([low], { ...options, prompt }))[0]!;

  it('are answers to the prompts of the paper', async () => {
    expect(await pengi.caption(low)).toEqual(await answerTo(CAPTION));
    expect((await pengi.generate([low]))[0]).toEqual(await answerTo(CAPTION));
    expect(await pengi.ask(low, ' what is it? ')).toEqual(await answerTo('question: what is it?'));
  });

  it('are joined to a description', async () => {
    const options: GenerateOptions = { strategy: 'sample', maxTokens: 12 };
    const [caption, metadata, events] = [
      await answerTo(CAPTION, options),
      await answerTo('generate metadata', options),
      await answerTo('this is a sound of', options),
    ];
    expect(new Set([caption.text, metadata.text, events.text]).size).toBe(3);
    expect(await pengi.describe(low, options)).toBe(
      `${caption.text} ${metadata.text} this audio contains sound events: ${events.text}.`,
    );
  });

  it('go on from additional text, which is not repeated', async () => {
    const options: GenerateOptions = { strategy: 'greedy', maxTokens: 6 };
    const found = await answerTo(CAPTION, { ...options, continue: 'a dog' });
    const { prefixes } = await pengi.prefixes(await pengi.embedAudio([low]), [CAPTION]);
    const words = await pengi.gpt2.embed(pengi.tokenizer.encode('a dog'));
    const whole = [...prefixes[0]!.data, ...(words.data as Float32Array)];
    const stopToken = pengi.tokenizer.endOfText;
    const [generated] = await pengi.gpt2.generate([floats(whole, [whole.length / 128, 128])], {
      strategy: 'greedy',
      maxTokens: 6,
      stopToken,
    });
    const expected = generated![0]!;
    const ids = expected.ids.filter((id) => id !== stopToken);
    expect(found.text).toBe(pengi.tokenizer.decode(ids, { cleanUp: true }).trim());
    expect(found.score).toBeCloseTo(expected.score, 5);
    expect(found.score).not.toBeCloseTo((await answerTo(CAPTION, options)).score, 3);
  });

  it.each<[string, () => Promise<unknown>, string, string]>([
    ['an empty question', () => pengi.ask(low, ' '), 'E_TEXT', 'the question is empty'],
    [
      'other numbers of prompts',
      () => pengi.generate([low, high], { prompt: [CAPTION] }),
      'E_USAGE',
      '2 recordings, but 1 prompts',
    ],
    [
      'no whole number of beams',
      () => pengi.caption(low, { beams: 0 }),
      'E_USAGE',
      'beams must be a whole number of at least 1, found 0',
    ],
    [
      'prefixes of more recordings than prompts',
      async () => pengi.prefixes(await pengi.embedAudio([low, high]), [CAPTION]),
      'E_SHAPE',
      '2 audio embeddings, but 1 prompts',
    ],
  ])('refuse %s', async (_what, call, code, message) => {
    await expect(call()).rejects.toMatchObject({ code, message });
  });

  it('of no recordings are none', async () => {
    expect(await pengi.generate([])).toEqual([]);
  });

  it('need a text encoder only to embed texts', async () => {
    const other = await pengiOf(NO_TEXT_ENCODER);
    await expect(other.embedText(['a dog'])).rejects.toMatchObject({ code: 'E_USAGE' });
    expect(other.textEncoder).toBeUndefined();
    await other.dispose();
  });
});

describe('the length of an answer', () => {
  // A prefix of 16 vectors leaves 14 positions, and the last token needs none.
  const config = withPositions(30);
  /** Never ends by itself: the end's embedding is the opposite of what the final norm's bias points to. */
  const endless = (config: PengiConfig) => {
    const params = paramsOf(config);
    const { wte, ln_f } = params.caption_decoder.gpt.transformer;
    const end = config.gpt2.keptIds!.indexOf(config.stopToken);
    ln_f.bias.data.fill(1);
    wte.weight.data.fill(-1, end * 128, (end + 1) * 128);
    return params;
  };
  let pengi: Pengi;
  beforeAll(async () => {
    pengi = await pengiOf(config, endless(config));
  });
  afterAll(() => pengi.dispose());

  it.each([
    [undefined, 15],
    ['a dog', 13],
  ])('is by default what there are positions for (after %j)', async (more, most) => {
    const options: GenerateOptions = {
      strategy: 'greedy',
      ...(more === undefined ? {} : { continue: more }),
    };
    const byDefault = await pengi.caption(low, options);
    expect(byDefault.finished).toBe(false);
    expect(byDefault).toEqual(await pengi.caption(low, { ...options, maxTokens: most }));
    expect(byDefault).not.toEqual(await pengi.caption(low, { ...options, maxTokens: most - 1 }));
    await expect(pengi.caption(low, { ...options, maxTokens: most + 1 })).rejects.toMatchObject({
      code: 'E_USAGE',
      message: `maxTokens is ${most + 1}, but at most ${most} tokens fit after the prefix`,
    });
  });

  it('is shorter where the text ends by itself, with an end that is not part of it', async () => {
    const params = endless(config);
    const { wte } = params.caption_decoder.gpt.transformer;
    wte.weight.data.forEach((weight, i, data) => {
      data[i] = -weight; // now nothing is as likely as the end
    });
    const brief = await pengiOf(config, params);
    const found = await brief.caption(low, { strategy: 'greedy' });
    expect(found).toMatchObject({ text: '', finished: true });
    await brief.dispose();
  });

  it('leaves room for one token at least', async () => {
    const words = (n: number) => 'a'.concat(' dog'.repeat(n - 1));
    expect((await pengi.caption(low, { continue: words(14) })).text).not.toBe('');
    await expect(pengi.caption(low, { continue: words(15) })).rejects.toMatchObject({
      code: 'E_TEXT',
      message: '15 tokens of additional text are too many after a prefix of 16',
      hint: 'at most 14 fit',
    });
  });

  it('is 67 tokens where there is room for more', async () => {
    const { createPengi } = await import('./pengi.js');
    const { testEngine } = await import('./testing/models.js');
    const roomy = createPengi(endless(BASE), BASE, { engine: await testEngine() });
    const options: GenerateOptions = { strategy: 'greedy' };
    expect(await roomy.caption(low, options)).toEqual(
      await roomy.caption(low, { ...options, maxTokens: 67 }),
    );
    await roomy.dispose();
  });
});
