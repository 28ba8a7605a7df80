import { describe, expect, it } from 'vitest';
import { inWords, PROMPTS, questionPrompt, TARGETS } from './templates.js';

describe('the templates', () => {
  it('are those of Table 1', () => {
    expect(Object.values(PROMPTS)).toEqual([
      'generate audio caption',
      'generate metadata',
      'this is a sound of',
      'this acoustic scene is',
      'this emotion is',
      'this sentiment is',
      'this music note is',
      'music analysis',
    ]);
    expect(questionPrompt(' is it raining? ')).toBe('question: is it raining?');
    expect(TARGETS.events(['dog', 'cat'])).toBe('dog, cat');
    expect(TARGETS.note({ instrument: 'flute', pitch: 60 })).toBe('produced by flute, pitch 60');
    expect(TARGETS.note({ instrument: 'flute', pitch: 60, more: ['velocity 75'] })).toBe(
      'produced by flute, pitch 60, velocity 75',
    );
    expect(TARGETS.music({ language: 'English', genre: 'rock' })).toBe(
      'this is a sound of music in language English and genre rock',
    );
    expect(TARGETS.music({ genre: 'rock' })).toBe('this is a sound of music in genre rock');
    expect(TARGETS.music({ language: 'English', genre: 'rock', tags: ['loud', 'fast'] })).toBe(
      'this is a sound of music in language English and genre rock. The associated tags are loud, fast',
    );
  });

  it('put class names in words', () => {
    expect(
      ['Domestic_animals_and_pets', 'ResidentialArea', 'synth_lead', 'tempo-synced', 'Train horn'].map(
        inWords,
      ),
    ).toEqual(['domestic animals and pets', 'residential area', 'synth lead', 'tempo-synced', 'train horn']);
  });
});
