import { stat } from 'node:fs/promises';
import { join } from 'node:path';

/** A download that METEOR and SPICE are made of. */
export interface JavaDownload {
  readonly name: string;
  readonly what: string;
  /** As upstream states it; some of the jars inside carry none. */
  readonly licence: string;
  readonly page: string;
  readonly source:
    | { readonly registry: 'pypi'; readonly project: string; readonly version: string }
    | {
        readonly registry: 'maven';
        readonly group: string;
        readonly artifact: string;
        readonly version: string;
        readonly classifier?: string;
      };
  readonly size: number;
  readonly sha256: string;
  /** Entries of this zip that are kept: the start of their names, and the folder they go to, below which the rest of the name stays. */
  readonly keep: readonly { readonly from: string; readonly to: string }[];
}

const CORENLP = {
  registry: 'maven',
  group: 'edu.stanford.nlp',
  artifact: 'stanford-corenlp',
  version: '3.6.0',
} as const;

/** Nothing of this is part of the package: `pengi metrics install` fetches it on request. */
export const JAVA_DOWNLOADS: readonly JavaDownload[] = [
  {
    name: 'pycocoevalcap-1.2-py3-none-any.whl',
    what: 'METEOR 1.5 with its paraphrase table; SPICE 1.0 with its libraries',
    licence: 'METEOR LGPL-2.1; SPICE AGPL-3; its libraries Apache-2.0, MIT, BSD, and SceneGraphParser GPL',
    page: 'https://github.com/salaniz/pycocoevalcap',
    source: { registry: 'pypi', project: 'pycocoevalcap', version: '1.2' },
    size: 104_312_215,
    sha256: '083ed7910f1aec000b0a237ef6665f74edf19954204d0b1cbdb8399ed132228d',
    keep: [
      { from: 'pycocoevalcap/meteor/meteor-1.5.jar', to: 'meteor/meteor-1.5.jar' },
      { from: 'pycocoevalcap/meteor/data/', to: 'meteor/data/' },
      { from: 'pycocoevalcap/spice/spice-1.0.jar', to: 'spice/spice-1.0.jar' },
      { from: 'pycocoevalcap/spice/lib/', to: 'spice/lib/' },
    ],
  },
  {
    name: 'stanford-corenlp-3.6.0.jar',
    what: 'the parser that SPICE uses',
    licence: 'GPL-3',
    page: 'https://stanfordnlp.github.io/CoreNLP/',
    source: CORENLP,
    size: 7_270_741,
    sha256: 'd341d5863276f55782c5ef73212222d6b3b48e02ae1951ab6de7618d28b12742',
    keep: [{ from: '', to: 'spice/models/' }],
  },
  {
    name: 'stanford-corenlp-3.6.0-models.jar',
    what: 'its models, of which SPICE needs a quarter',
    licence: 'GPL-3',
    page: 'https://stanfordnlp.github.io/CoreNLP/',
    source: { ...CORENLP, classifier: 'models' },
    size: 378_116_526,
    sha256: 'd285157bd7887ee3018094b5dbae092e49088b023361ccdb550ee1daf9b2c9bd',
    keep: [
      'lexparser/englishPCFG.ser.gz',
      'ner/english.all.3class.distsim.crf.ser.gz',
      'ner/english.muc.7class.distsim.crf.ser.gz',
      'ner/english.conll.4class.distsim.crf.ser.gz',
      'sutime/',
      // the dictionaries of the coreference package, which is loaded with the rest
      'dcoref/gender.map.ser.gz',
      'dcoref/countries',
      'dcoref/demonyms.txt',
      'dcoref/state-abbreviations.txt',
      'dcoref/statesandprovinces',
      'dcoref/namegender.combine.txt',
      ...['animate', 'inanimate', 'male', 'female', 'neutral', 'plural', 'singular'].map(
        (kind) => `dcoref/${kind}.unigrams.txt`,
      ),
    ].map((name) => ({
      from: `edu/stanford/nlp/models/${name}`,
      to: `spice/models/edu/stanford/nlp/models/${name}`,
    })),
  },
];

/** Files by which it is seen what is installed. */
const METEOR_FILES = ['meteor/meteor-1.5.jar', 'meteor/data/paraphrase-en.gz'];
const SPICE_FILES = [
  'spice/spice-1.0.jar',
  'spice/lib/SceneGraphParser-1.0.jar',
  'spice/models/edu/stanford/nlp/pipeline/StanfordCoreNLP.class',
  'spice/models/edu/stanford/nlp/models/lexparser/englishPCFG.ser.gz',
  'spice/models/edu/stanford/nlp/models/sutime/defs.sutime.txt',
  'spice/models/edu/stanford/nlp/models/dcoref/gender.map.ser.gz',
];

/** Which of the programs are in a folder; looks at names only. */
export async function installedPrograms(folder: string): Promise<{ meteor: boolean; spice: boolean }> {
  const there = async (names: readonly string[]) => {
    for (const name of names)
      if (
        !(await stat(join(folder, name)).then(
          (found) => found.isFile(),
          () => false,
        ))
      )
        return false;
    return true;
  };
  return { meteor: await there(METEOR_FILES), spice: await there(SPICE_FILES) };
}
