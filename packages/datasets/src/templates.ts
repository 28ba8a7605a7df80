/**
 * The paper's audio-task templates (Pengi, Table 1): every task is an audio clip and a prompt in, a text out. Training and
 * evaluation use the same prompts, so they are here once.
 */

/** The prompts that do not depend on the example. */
export const PROMPTS = {
  caption: 'generate audio caption',
  metadata: 'generate metadata',
  events: 'this is a sound of',
  scene: 'this acoustic scene is',
  emotion: 'this emotion is',
  sentiment: 'this sentiment is',
  note: 'this music note is',
  music: 'music analysis',
} as const;

/** The prompt of a question. */
export function questionPrompt(question: string): string {
  return `question: ${question.trim()}`;
}

/** What the model is to answer, by the kind of the example. */
export const TARGETS = {
  events: (events: readonly string[]) => events.join(', '),
  /** Table 1 cuts the target after the pitch; what follows are further `name value` pairs, such as the velocity. */
  note: ({ instrument, pitch, more = [] }: { instrument: string; pitch: number; more?: readonly string[] }) =>
    [`produced by ${instrument}`, `pitch ${pitch}`, ...more].join(', '),
  /** Of most tracks no language is known: the template is told without it then. */
  music: ({ language, genre, tags = [] }: { language?: string; genre: string; tags?: readonly string[] }) =>
    `this is a sound of music in ${language === undefined ? '' : `language ${language} and `}genre ${genre}` +
    (tags.length > 0 ? `. The associated tags are ${tags.join(', ')}` : ''),
} as const;

/** A class name of a data set in words: "Domestic_animals_and_pets", "ResidentialArea" and "synth_lead" in lower case and apart. */
export function inWords(label: string): string {
  return label
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .replace(/_/g, ' ')
    .toLowerCase();
}
