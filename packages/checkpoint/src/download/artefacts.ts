/** One file of an artefact. */
export interface ArtefactFile {
  /** Its name in the artefact's folder. */
  readonly name: string;
  /** Below the artefact's `origin`, or below another base URL (a mirror with the same paths). */
  readonly path: string;
  /** Exact, in bytes; absent where it is not published. */
  readonly size?: number;
  /** As published, in hexadecimal; absent where none is. */
  readonly sha256?: string;
  /** As published, for sites that give nothing better. */
  readonly md5?: string;
}

/** Weights that can be downloaded, on request only. */
export interface Artefact {
  /** What `pengi pull` takes, and the folder's name in the cache. */
  readonly name: string;
  /** Other names it is known by. */
  readonly aliases?: readonly string[];
  readonly what: string;
  readonly licence: string;
  /** A page to read about it. */
  readonly page: string;
  readonly origin: string;
  readonly files: readonly ArtefactFile[];
  /** For people, where the exact size is not published. */
  readonly about?: string;
  /** The kind of checkpoint that it should turn out to be. */
  readonly family: CheckpointFamily;
  /** Beginnings of parameter names; each occurs in the right file. */
  readonly keys: readonly string[];
}

export type CheckpointFamily =
  | 'pengi-base'
  | 'pengi-base-no-text-enc'
  | 'msclap-2023'
  | 'clapcap-2023'
  | 'transformers-clap'
  | 'gpt2'
  | 'clip';

const ZENODO = 'https://zenodo.org';
const HUGGING_FACE = 'https://huggingface.co';

// Hugging Face paths name a commit, so that what they give cannot change.
const MSCLAP = 'microsoft/msclap/resolve/c47d441165daa21986ead0850660917636a81775';
const LAION = 'laion/clap-htsat-unfused/resolve/8fa0f1c6d0433df6e97c127f64b2a1d6c0dcda8a';
const GPT2 = 'openai-community/gpt2/resolve/607a30d783dfa663caf39e06633721c8d4cfcd7e';
const CLIP16 = 'openai/clip-vit-base-patch16/resolve/57c216476eefef5ab752ec549e440a49ae4ae5f3';
const CLIP32 = 'openai/clip-vit-base-patch32/resolve/3d74acf9a28c67741b2f4f2ea7635f0aaf6f0268';

/**
 * The known artefacts. Sizes and checksums are the published ones (Git LFS pointers, and digests of the pinned commits that
 * several projects publish alike); of the two files on Zenodo none was found, so what arrives is recorded instead.
 */
export const ARTEFACTS: readonly Artefact[] = [
  {
    name: 'pengi-base',
    aliases: ['base.pth'],
    what: 'Pengi, the released model (HTSAT, CLIP text tower, GPT-2)',
    licence: 'MIT (code); of the weights: see the page',
    page: 'https://zenodo.org/records/8387083',
    origin: ZENODO,
    files: [{ name: 'base.pth', path: 'records/8387083/files/base.pth' }],
    about: '2.2 GB',
    family: 'pengi-base',
    keys: [
      'audio_encoder.base.htsat.',
      'caption_encoder.clip_text_projection.weight',
      'caption_decoder.text_project.linear.',
    ],
  },
  {
    name: 'pengi-base-no-text-enc',
    aliases: ['base_no_text_enc.pth'],
    what: 'Pengi without the text tower: prompts through GPT-2 embeddings',
    licence: 'MIT (code); of the weights: see the page',
    page: 'https://zenodo.org/records/8387083',
    origin: ZENODO,
    files: [{ name: 'base_no_text_enc.pth', path: 'records/8387083/files/base_no_text_enc.pth' }],
    family: 'pengi-base-no-text-enc',
    keys: ['audio_encoder.base.htsat.', 'caption_decoder.text_project.prefix_const'],
  },
  {
    name: 'msclap-2023',
    aliases: ['CLAP_weights_2023.pth'],
    what: 'Microsoft CLAP 2023 (HTSAT and GPT-2 towers)',
    licence: 'MS-PL',
    page: 'https://huggingface.co/microsoft/msclap',
    origin: HUGGING_FACE,
    files: [
      {
        name: 'CLAP_weights_2023.pth',
        path: `${MSCLAP}/CLAP_weights_2023.pth`,
        size: 689_950_036,
        sha256: '2cef4016d47d00eb28d153d522f397222057f95000e9bad6b9583c631284a1e6',
      },
    ],
    family: 'msclap-2023',
    keys: ['audio_encoder.', 'caption_encoder.base.', 'logit_scale'],
  },
  {
    name: 'clapcap-2023',
    aliases: ['clapcap_weights_2023.pth'],
    what: 'Microsoft clapcap: captions from the CLAP 2023 audio tower (8-layer mapper, GPT-2)',
    licence: 'MS-PL',
    page: 'https://huggingface.co/microsoft/msclap',
    origin: HUGGING_FACE,
    files: [
      {
        name: 'clapcap_weights_2023.pth',
        path: `${MSCLAP}/clapcap_weights_2023.pth`,
        size: 1_712_037_386,
        sha256: '6d7b700f2bc1be7319fd60430a516a88f0277bf1158b4908687a14e6a2a3a006',
      },
    ],
    family: 'clapcap-2023',
    keys: ['clap.', 'clap_project.', 'gpt.'],
  },
  {
    name: 'clap-htsat-unfused',
    aliases: ['laion/clap-htsat-unfused'],
    what: 'LAION CLAP in the Transformers layout (HTSAT unfused, RoBERTa)',
    licence: 'Apache-2.0',
    page: 'https://huggingface.co/laion/clap-htsat-unfused',
    origin: HUGGING_FACE,
    files: [
      {
        name: 'pytorch_model.bin',
        path: `${LAION}/pytorch_model.bin`,
        size: 614_525_833,
        sha256: '1cd3c601bc4afe0fa87be3de4c13dd2cfadd249fac1e29acf74a9b296c3219bb',
      },
      {
        name: 'config.json',
        path: `${LAION}/config.json`,
        size: 5390,
        sha256: '9efb9557bc804f2ca6e394486af2e45dfed0b18554909735a99c6220b84e4288',
      },
      {
        name: 'preprocessor_config.json',
        path: `${LAION}/preprocessor_config.json`,
        size: 541,
        sha256: '9739f58296aa6f9ac18008fd0150fb2649bc554985fbde86d0a4041c882ac753',
      },
      {
        name: 'tokenizer.json',
        path: `${LAION}/tokenizer.json`,
        size: 2_108_746,
        sha256: '77ef92283d67f0d97e1454909a964afcbfa2019f0fb9f18f8e88d5c25c3ba729',
      },
    ],
    family: 'transformers-clap',
    keys: ['audio_model.audio_encoder.', 'audio_projection.', 'text_model.', 'text_projection.'],
  },
  {
    name: 'gpt2',
    aliases: ['openai-community/gpt2'],
    what: 'GPT-2 small, 124 M parameters',
    licence: 'MIT',
    page: 'https://huggingface.co/openai-community/gpt2',
    origin: HUGGING_FACE,
    files: [
      {
        name: 'model.safetensors',
        path: `${GPT2}/model.safetensors`,
        size: 548_105_171,
        sha256: '248dfc3911869ec493c76e65bf2fcf7f615828b0254c12b473182f0f81d3a707',
      },
      {
        name: 'config.json',
        path: `${GPT2}/config.json`,
        size: 665,
        sha256: '0daed7749b4f02b8f76240d5444551d7b08712dab4d0adb8239c56ba823bb7b4',
      },
      {
        name: 'tokenizer.json',
        path: `${GPT2}/tokenizer.json`,
        size: 1_355_256,
        sha256: '8414cab924d8b9b33013f0d221c5862f365ee9be39c5c2bfae8a5a9e970478a6',
      },
    ],
    family: 'gpt2',
    keys: ['wte.weight', 'wpe.weight', 'h.0.', 'ln_f.'],
  },
  {
    name: 'clip-vit-base-patch16',
    aliases: ['openai/clip-vit-base-patch16'],
    what: 'CLIP ViT-B/16; its text tower is the one of Pengi',
    licence: 'MIT (code); of the weights: none named',
    page: 'https://huggingface.co/openai/clip-vit-base-patch16',
    origin: HUGGING_FACE,
    files: [
      {
        name: 'pytorch_model.bin',
        path: `${CLIP16}/pytorch_model.bin`,
        size: 598_641_023,
        sha256: 'ec89c7b09c749a60aae3c9cd910516f24b58214a7df060b48962d14c469cfbf0',
      },
      {
        name: 'config.json',
        path: `${CLIP16}/config.json`,
        sha256: 'eaf1c9089a8553c913d27ea66407f8bfc2be9989c80c9f331ddb3d63d4c5e8ad',
      },
      {
        name: 'tokenizer.json',
        path: `${CLIP16}/tokenizer.json`,
        size: 2_224_003,
        sha256: 'a83e0809aa4c3af7208b2df632a7a69668c6d48775b3c3fe4e1b1199d1f8b8f4',
      },
    ],
    family: 'clip',
    keys: ['text_model.embeddings.', 'text_model.encoder.', 'text_projection.weight'],
  },
  {
    name: 'clip-vit-base-patch32',
    aliases: ['openai/clip-vit-base-patch32'],
    what: 'CLIP ViT-B/32',
    licence: 'MIT (code); of the weights: none named',
    page: 'https://huggingface.co/openai/clip-vit-base-patch32',
    origin: HUGGING_FACE,
    files: [
      {
        name: 'pytorch_model.bin',
        path: `${CLIP32}/pytorch_model.bin`,
        size: 605_247_071,
        sha256: 'a63082132ba4f97a80bea76823f544493bffa8082296d62d71581a4feff1576f',
      },
      {
        name: 'config.json',
        path: `${CLIP32}/config.json`,
        sha256: 'b575ef3c36f2a057fa19e221650105052d61cc9c1a972ec15019c6261ec98770',
      },
      {
        name: 'tokenizer.json',
        path: `${CLIP32}/tokenizer.json`,
        sha256: 'b556ac8c99757ffb677208af34bc8c6721572114111a6e0aaf5fa69ff0b8d842',
      },
    ],
    family: 'clip',
    keys: ['text_model.embeddings.', 'text_model.encoder.', 'text_projection.weight'],
  },
];

/** The artefact of this name or alias. */
export function findArtefact(name: string): Artefact | undefined {
  return ARTEFACTS.find((artefact) => artefact.name === name || artefact.aliases?.includes(name));
}

/** The bytes of all files, when every size is published. */
export function artefactSize({ files }: Artefact): number | undefined {
  let sum = 0;
  for (const { size } of files) {
    if (size === undefined) return undefined;
    sum += size;
  }
  return sum;
}
