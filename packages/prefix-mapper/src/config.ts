import { z } from 'zod';

const size = z.int().positive();

const transformerFields = {
  /** Channels of the language model. */
  width: size,
  /** Vectors that the mapper gives: the length of the prefix. */
  prefixLength: size,
  /** Vectors that stand for the input inside of the mapper. */
  inputLength: size,
  layers: size,
  heads: size,
  mlpRatio: z.number().positive(),
};

/** For the fields above. */
const headsDivideWidth = ({ width, heads }: { width: number; heads: number }) => width % heads === 0;
const headsError = { message: 'heads must divide width', path: ['heads'] };

export const mapperConfigSchema = z.discriminatedUnion('kind', [
  /** ClipCap's MLP: linear, tanh, linear. */
  z.strictObject({ kind: z.literal('mlp'), inputs: size, hidden: size, width: size, prefixLength: size }),
  /** An embedding becomes `inputLength` vectors, which a transformer turns into the prefix. */
  z
    .strictObject({ kind: z.literal('transformer'), inputs: size, ...transformerFields })
    .refine(headsDivideWidth, headsError),
  /** The input is a sequence of `inputLength` vectors of the language model already. */
  z.strictObject({ kind: z.literal('sequence'), ...transformerFields }).refine(headsDivideWidth, headsError),
]);

export type MapperConfig = Readonly<z.infer<typeof mapperConfigSchema>>;
export type MlpMapperConfig = Extract<MapperConfig, { kind: 'mlp' }>;
export type TransformerMapperConfig = Extract<MapperConfig, { kind: 'transformer' }>;
export type SequenceMapperConfig = Extract<MapperConfig, { kind: 'sequence' }>;

/** Both mappers of the released `base`: `num_layers: 8` in its YAML is halved by the code, so they have 4 layers. */
export const MAPPER_RELEASED = {
  kind: 'transformer',
  inputs: 1024,
  width: 768,
  prefixLength: 40,
  inputLength: 40,
  layers: 4,
  heads: 8,
  mlpRatio: 2,
} as const satisfies MapperConfig;

/** What the paper says (section 4): 8 layers. */
export const MAPPER_PAPER = { ...MAPPER_RELEASED, layers: 8 } as const satisfies MapperConfig;

/** The prompt's mapper of the released `base_no_text_enc`: token embeddings of the prompt in. */
export const SEQUENCE_MAPPER_RELEASED = {
  kind: 'sequence',
  width: 768,
  prefixLength: 40,
  inputLength: 40,
  layers: 4,
  heads: 8,
  mlpRatio: 2,
} as const satisfies MapperConfig;
