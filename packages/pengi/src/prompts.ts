/** Prompts: from a text to ids, and from ids to the prompt's half of the prefix. */
import { clipTokenizerOf } from '@pengi/clap';
import { checkText, ints, type NdArray, PengiError } from '@pengi/core';
import type { Engine } from '@pengi/jit';
import type { Tensor } from '@tensorflow/tfjs-core';
import type { PengiConfig } from './config.js';
import { promptEmbedding, promptPrefix } from './model.js';
import type { PengiParams } from './params.js';
import { pengiTokenizer } from './tokenizer.js';

export interface PromptIds {
  /** [n], the same n for all prompts of a config */
  ids: Int32Array;
  /** Whether something did not fit. */
  truncated: boolean;
}

/**
 * How the model of a config reads prompts: with CLIP's tokenizer, or with GPT-2's where there is no text tower.
 * @returns a function that throws PengiError E_TEXT for a prompt that is empty or not known to a small vocabulary
 */
export function promptTokenizer(config: PengiConfig): (prompt: string) => PromptIds {
  const encode = encoderOf(config);
  return (prompt) => {
    checkText(prompt);
    if (prompt.trim() === '') throw new PengiError('E_TEXT', 'the prompt is empty');
    return encode(prompt);
  };
}

function encoderOf({ text, promptMapper, gpt2 }: PengiConfig): (prompt: string) => PromptIds {
  if (promptMapper.kind === 'sequence') {
    const tokenizer = pengiTokenizer(gpt2);
    return (prompt) => tokenizer.encodePrompt(prompt, { length: promptMapper.inputLength });
  }
  const { promptLength } = text!; // the config's schema sees to it
  const tokenizer = clipTokenizerOf(text!);
  return (prompt) => tokenizer.encodePrompt(prompt, promptLength);
}

/** A prompt's half of the prefix. */
export interface PromptHalf {
  /** [1, P, C] */
  prefix: NdArray;
  /** That it was cut, if it was. */
  warnings: readonly string[];
}

export interface PromptHalves {
  /** @throws PengiError E_TEXT as `promptTokenizer` */
  of(prompts: readonly string[]): Promise<PromptHalf[]>;
  dispose(): Promise<void>;
}

/** How many prompts are remembered: tasks ask the same few again and again, and one takes 120 KiB in the released models. */
const REMEMBERED = 256;

/** The prompts' halves of the prefix, computed once for the prompts that were used last. */
export function createPromptHalves(
  params: PengiParams<NdArray>,
  config: PengiConfig,
  engine: Engine,
): PromptHalves {
  const program = engine.compile(
    (p: PengiParams, ids: Tensor) => promptPrefix(p, promptEmbedding(p, ids, config), config),
    params,
    { name: 'pengi.prompt-prefix', prepack: false },
  );
  const idsOf = promptTokenizer(config);
  const remembered = new Map<string, Promise<PromptHalf>>();

  async function compute(prompt: string): Promise<PromptHalf> {
    const { ids, truncated } = idsOf(prompt);
    const prefix = await program.run(ints(ids, [1, ids.length]));
    const warnings = truncated ? [`the prompt is longer than ${ids.length} tokens and was cut`] : [];
    return { prefix, warnings };
  }

  async function half(prompt: string): Promise<PromptHalf> {
    const found = remembered.get(prompt) ?? compute(prompt);
    // Set anew, it is the last in the map's order, and the first is the one that was not used for longest.
    remembered.delete(prompt);
    remembered.set(prompt, found);
    if (remembered.size > REMEMBERED) remembered.delete(remembered.keys().next().value!);
    try {
      return await found;
    } catch (error) {
      remembered.delete(prompt);
      throw error;
    }
  }

  return {
    of: (prompts) => Promise.all(prompts.map(half)),
    dispose: () => program.dispose(),
  };
}
