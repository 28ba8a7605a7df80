import { describe, expect, it } from 'vitest';
import { ptbLines } from '../index.js';

/**
 * What `java -cp stanford-corenlp-3.4.1.jar edu.stanford.nlp.process.PTBTokenizer -preserveLines -lowerCase` prints, line by line. The
 * metric goldens hold 322 more.
 */
const printed: [line: string, tokens: string][] = [
  ["He won't stop, can't stop!", "he wo n't stop , ca n't stop !"],
  ["gonna cannot 'tis y'all d'you o'clock", "gon na can not 't is y' all d'you o'clock"],
  ['"Hello," said the \'man\'', "`` hello , '' said the ` man '"],
  ['“It’s” ‘ok’', "`` it 's '' ` ok '"],
  ['a high-pitched, U.S.-made 3.5-inch tone', 'a high-pitched , u.s.-made 3.5-inch tone'],
  ['anti-U.S. ab.-cd-ef 5-a,b', 'anti-u.s. ab.-cd-ef 5-a , b'],
  ['10:30-11:00 -1/2 10-1/2', '10:30 -11:00 -1 / 2 10-1/2'],
  ['a.wav 1.wav 1.5.wav -1.wav', 'a.wav 1.wav 1.5.wav -1 . wav'],
  ['birds., 5.5., Canada.,', 'birds. , 5.5 . , canada. ,'],
  ['...... ---- ----- ?!', '... . -- ----- ?!'],
  [':) :)a :-D :D5', ':-rrb- : -rrb- a :-d : d5'],
  ['me@example.org, http://a.bc/d?e=f.', 'me@example.org, http://a.bc/d?e=f .'],
  ['US$5 £5 5¢ ½', 'us$ 5 # 5 5 cents 1/2'],
  ['“‘a ’” ``', "``` a ''' ``"],
  ['zero\u200bwidth soft\u00adhyphen 🐕', 'zero width softhyphen'],
];

describe('ptbLines', () => {
  it.each(printed)('reads %j as CoreNLP does', (line, tokens) => {
    expect(ptbLines(`${line}\nx`)[0]!.join(' ')).toBe(tokens);
  });

  it('keeps a blank inside fractions and numbers hard', () => {
    expect(ptbLines('3 1/2 cups, (555) 123-4567')).toEqual([
      ['3\u00a01/2', 'cups', ',', '-lrb-555-rrb-\u00a0123-4567'],
    ]);
  });

  it('lets the next line decide whether an abbreviation ends a sentence', () => {
    expect(ptbLines('bells etc.\nA dog')[0]).toEqual(['bells', 'etc.', '.']);
    expect(ptbLines('bells etc.\na dog')[0]).toEqual(['bells', 'etc.']);
    expect(ptbLines('bells etc.')[0]).toEqual(['bells', 'etc.', '.']);
    expect(ptbLines('the U.S.\nThe end')[0]).toEqual(['the', 'u.s.', '.']);
    expect(ptbLines('the U.S.\nUnits')[0]).toEqual(['the', 'u.s.']);
  });
});
