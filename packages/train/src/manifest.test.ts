import { describe, expect, it } from 'vitest';
import { encodeManifest, type ManifestContent, parseManifest } from './manifest.js';

const content: ManifestContent = {
  task: 'clap "ü"',
  step: 12,
  seconds: 1.25,
  skipped: 1,
  skippedInARow: [{ step: 12, ids: ['a.wav'] }],
  position: { learningRate: 0.01, randomKey: 7, data: null },
  engine: 'some engine',
  code: { node: '20' },
  settings: {
    seed: 1,
    steps: 30,
    learningRates: [1e-4, 0.1],
    optimizer: { beta1: 0.9 },
    clipNorm: null,
    trainableValues: 57,
    frozenValues: 1,
    frozenSha256: 'ab',
  },
  record: { b: 1, 10: [true, null], nested: { name: 'x' } },
  files: { 'params.safetensors': { byteLength: 10, sha256: 'cd' } },
};

describe('a manifest', () => {
  it('comes back as it was written', () => {
    expect(parseManifest(encodeManifest(content), 'm')).toEqual({
      format: 'pengi-training-checkpoint',
      version: 1,
      ...content,
    });
  });

  it('is refused with any single bit changed', () => {
    const bytes = Buffer.from(encodeManifest(content));
    const accepted: number[] = [];
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      try {
        parseManifest(changed.toString(), 'm');
        accepted.push(bit);
      } catch (error) {
        expect(error).toMatchObject({ code: 'E_CHECKPOINT' });
      }
    }
    expect(accepted).toEqual([]);
  });

  it('is refused cut short at any place', () => {
    const text = encodeManifest(content);
    for (let length = 0; length < text.length; length++)
      expect(() => parseManifest(text.slice(0, length), 'm')).toThrow();
  });

  it('is refused when it is of a later version, with a right hash but without its members, or no object', () => {
    expect(() => parseManifest('{"format": "pengi-training-checkpoint", "version": 2}', 'm')).toThrow(
      /is of version 2, this program reads 1/,
    );
    const lacking = encodeManifest({ ...content, files: { a: 1 } } as never);
    expect(() => parseManifest(lacking, 'm')).toThrow(/lacks what a manifest holds/);
    for (const text of ['null', '[]', '7', '{"format": "safetensors"}'])
      expect(() => parseManifest(text, 'm')).toThrow(/is not the manifest/);
  });
});
