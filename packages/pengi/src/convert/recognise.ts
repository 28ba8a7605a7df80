import type { CheckpointFamily } from '@pengi/checkpoint/download';
import { PengiError, printable } from '@pengi/core';

/** What tells a family from the others: beginnings of parameter names. */
interface Signs {
  readonly title: string;
  /** Each begins some name. */
  readonly has: readonly string[];
  /** None begins any name. */
  readonly lacks?: readonly string[];
}

const SIGNS: Readonly<Record<CheckpointFamily, Signs>> = {
  'pengi-base': {
    title: 'Pengi base',
    has: ['audio_encoder.', 'caption_encoder.', 'caption_decoder.'],
  },
  'pengi-base-no-text-enc': {
    title: 'Pengi base_no_text_enc',
    has: ['audio_encoder.', 'caption_decoder.'],
    lacks: ['caption_encoder.'],
  },
  'msclap-2023': {
    title: 'msclap 2023',
    has: ['audio_encoder.base.htsat.', 'caption_encoder.base.wte.'],
    lacks: ['caption_decoder.'],
  },
  'clapcap-2023': { title: 'clapcap 2023', has: ['clap.', 'clap_project.', 'gpt.'] },
  'transformers-clap': {
    title: "Transformers' ClapModel",
    has: ['audio_model.', 'text_model.encoder.layer.'],
    lacks: ['audio_model.audio_encoder.patch_embed.fusion_model.'],
  },
  gpt2: { title: 'GPT-2', has: ['wpe.weight', 'h.0.'] },
  clip: { title: 'CLIP', has: ['text_model.encoder.layers.'], lacks: ['audio_model.'] },
};

/** What people hand over that is near, and what to take instead. */
const NEAR: readonly (Signs & { readonly hint: string })[] = [
  {
    title: 'msclap 2022 (Cnn14 and BERT)',
    has: ['audio_encoder.base.conv_block1.'],
    hint: 'take msclap 2023: pengi pull msclap-2023',
  },
  {
    title: "Transformers' ClapModel with fusion",
    has: ['audio_model.audio_encoder.patch_embed.fusion_model.'],
    hint: 'take the one without: pengi pull clap-htsat-unfused',
  },
  {
    title: "LAION's own layout of CLAP",
    has: ['audio_branch.', 'text_branch.'],
    hint: "take the same weights in Transformers' layout: pengi pull clap-htsat-unfused",
  },
  {
    title: "OpenAI's own layout of CLIP",
    has: ['visual.', 'transformer.resblocks.'],
    hint: "take the same weights in Transformers' layout: pengi pull clip-vit-base-patch16",
  },
  {
    title: 'HTSAT alone, as trained on AudioSet',
    has: ['sed_model.'],
    hint: 'take a whole Pengi or CLAP',
  },
];

export const FAMILIES = Object.keys(SIGNS) as CheckpointFamily[];

export function titleOf(family: CheckpointFamily): string {
  return SIGNS[family].title;
}

/**
 * The family that a checkpoint's names show.
 * @param names without a common `module.`
 * @param wanted what the user takes it for: then a file of no known family is taken for that, so that loading says in detail
 *   what does not fit
 * @throws PengiError E_CHECKPOINT for another family than the wanted one, and for none
 */
export function recognise(
  names: readonly string[],
  wanted: CheckpointFamily | undefined,
  file: string,
): CheckpointFamily {
  const found = FAMILIES.find((family) => fits(SIGNS[family], names));
  if (found !== undefined && (wanted === undefined || wanted === found)) return found;
  if (found !== undefined && wanted !== undefined)
    throw new PengiError(
      'E_CHECKPOINT',
      `this is ${titleOf(found)}, not ${titleOf(wanted)}${why(found, wanted, names)}`,
      {
        file,
        hint: `leave --family out, or say --family ${found}`,
      },
    );
  const near = NEAR.find((signs) => fits(signs, names));
  if (near)
    throw new PengiError('E_CHECKPOINT', `this is ${near.title}, which is not read here`, {
      file,
      hint: near.hint,
    });
  if (wanted !== undefined) return wanted;
  throw new PengiError('E_CHECKPOINT', unknown(names), {
    file,
    hint: 'name the family with --family to see in detail what does not fit',
  });
}

function fits({ has, lacks = [] }: Signs, names: readonly string[]): boolean {
  return has.every((sign) => begins(sign, names)) && !lacks.some((sign) => begins(sign, names));
}

/** GPT-2's names may lie below `transformer.`. */
function begins(sign: string, names: readonly string[]): boolean {
  return names.some((name) => name.startsWith(sign) || name.startsWith(`transformer.${sign}`));
}

/** The names that decided: `: it has no caption_encoder.*`. */
function why(found: CheckpointFamily, wanted: CheckpointFamily, names: readonly string[]): string {
  const missing = SIGNS[wanted].has.filter((sign) => !begins(sign, names));
  if (missing.length > 0) return `: it has no ${list(missing)}`;
  const extra = (SIGNS[wanted].lacks ?? SIGNS[found].has).filter((sign) => begins(sign, names));
  return `: it has ${list(extra)}`;
}

/** What was found, and what each family would want. */
function unknown(names: readonly string[]): string {
  const heads = new Map<string, number>();
  for (const name of names) {
    const head = name.split('.').slice(0, 2).join('.');
    heads.set(head, (heads.get(head) ?? 0) + 1);
  }
  const common = [...heads].sort(([, a], [, b]) => b - a).slice(0, 6);
  const shown = common.map(([head, count]) => `${printable(head, 60)}${count > 1 ? ` (${count})` : ''}`);
  const lines = FAMILIES.map((family) => {
    const { has, lacks = [], title } = SIGNS[family];
    const missing = has.filter((sign) => !begins(sign, names));
    const wrong = lacks.filter((sign) => begins(sign, names));
    const parts = [
      ...(missing.length > 0 ? [`lacks ${list(missing)}`] : []),
      ...(wrong.length > 0 ? [`must not have ${list(wrong)}`] : []),
    ];
    return `  ${family} (${title}) ${parts.join(', ')}`;
  });
  return [
    `no known family: ${names.length} tensors, of ${shown.join(', ')}${heads.size > common.length ? ', …' : ''}`,
    ...lines,
  ].join('\n');
}

function list(signs: readonly string[]): string {
  return signs.map((sign) => (sign.endsWith('.') ? `${sign}*` : sign)).join(', ');
}
