import { RELEASED_FRONTEND } from '@pengi/audio-frontend';
import { frontendConfigSchema } from '@pengi/clap';
import { GPT2_BASE, gpt2ConfigSchema, RELEASED_STOP } from '@pengi/gpt2';
import { HTSAT_RELEASED, htsatConfigSchema } from '@pengi/htsat';
import { MAPPER_PAPER, mapperConfigSchema } from '@pengi/prefix-mapper';
import { z } from 'zod';

export const clapcapConfigSchema = z
  .strictObject({
    model: z.literal('clapcap'),
    frontend: frontendConfigSchema,
    audio: htsatConfigSchema,
    /** Channels of audio embeddings. */
    embedding: z.int().positive(),
    mapper: mapperConfigSchema,
    gpt2: gpt2ConfigSchema,
    /** GPT-2's id (before renumbering) at which a caption ends. */
    stopToken: z.int().min(0),
  })
  .superRefine(({ frontend, audio, embedding, mapper, gpt2, stopToken }, context) => {
    const must = (holds: boolean, path: string, message: string) => {
      if (!holds) context.addIssue({ code: 'custom', path: [path], message });
    };
    must(frontend.mels === audio.mels, 'audio', `mels must be those of the frontend, ${frontend.mels}`);
    if (mapper.kind === 'sequence') must(false, 'mapper', 'a sequence mapper takes no embedding');
    else must(mapper.inputs === embedding, 'mapper', `inputs must be ${embedding}`);
    must(mapper.width === gpt2.width, 'mapper', `width must be gpt2's, ${gpt2.width}`);
    const { prefixLength } = mapper;
    must(prefixLength < gpt2.positions, 'gpt2', `a prefix of ${prefixLength} leaves no position for text`);
    const { keptIds, vocabularySize } = gpt2;
    must(
      keptIds === null ? stopToken < vocabularySize : keptIds.includes(stopToken),
      'stopToken',
      'must be in the vocabulary of gpt2',
    );
  });

/** msclap's captioner: the audio tower of a CLAP, a mapper, GPT-2. config.json of a model folder. */
export type ClapcapConfig = Readonly<z.infer<typeof clapcapConfigSchema>>;

/** `clapcap_weights_2023.pth` of msclap: a mapper of all 8 layers, where Pengi's code halves them. */
export const CLAPCAP_2023 = {
  model: 'clapcap',
  frontend: RELEASED_FRONTEND,
  audio: HTSAT_RELEASED,
  embedding: 1024,
  mapper: MAPPER_PAPER,
  gpt2: GPT2_BASE,
  stopToken: RELEASED_STOP,
} as const satisfies ClapcapConfig;
