import { isPengiError } from '@pengi/core';
import type { ExternalScorer, ExternalScores } from '../captions/evaluate.js';
import { installedPrograms } from './files.js';
import { findJava, type JavaRuntime } from './find.js';
import { meteor } from './meteor.js';
import { type SpiceOptions, spice } from './spice.js';

export interface JavaScorerOptions extends Pick<SpiceOptions, 'folder' | 'threads' | 'cache' | 'signal'> {
  /** Default: what `findJava` finds. */
  readonly java?: JavaRuntime;
}

/**
 * METEOR and SPICE for `evaluate`, by their official Java programs. Where Java or the programs are missing, or a program fails, the
 * score is missing, with the reason; it never is 0 instead.
 * @param options.folder where `pengi metrics install` has put the programs
 */
export function createJavaScorer({ java: given, threads, ...options }: JavaScorerOptions): ExternalScorer {
  const runtime = given === undefined ? findJava() : Promise.resolve(given);
  const programs = installedPrograms(options.folder);
  const attempt = async (
    program: 'meteor' | 'spice',
    run: (java: JavaRuntime) => Promise<ExternalScores>,
  ): Promise<ExternalScores> => {
    const java = await runtime;
    if (java === undefined) return { missing: 'no Java' };
    if (!(await programs)[program])
      return {
        missing: `${program === 'meteor' ? 'METEOR' : 'SPICE'} is not installed; pengi metrics install`,
      };
    try {
      return await run(java);
    } catch (error) {
      if (options.signal?.aborted || !isPengiError(error)) throw error;
      return { missing: error.message };
    }
  };
  return {
    meteor: (candidates, references) =>
      attempt('meteor', (java) => meteor(candidates, references, { ...options, java })),
    spice: (candidates, references) =>
      attempt('spice', (java) =>
        spice(candidates, references, { ...options, java, ...(threads === undefined ? {} : { threads }) }),
      ),
  };
}
