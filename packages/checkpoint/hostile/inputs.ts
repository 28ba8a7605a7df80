import { createRng } from '@pengi/core';
import { sample } from '../src/testing/craft.js';
import { craftLegacy, craftPth, craftZip, pthEntries, samplePickle } from '../src/testing/craft-pth.js';
import { HOSTILE_LEGACY, HOSTILE_PICKLES, HOSTILE_TENSORS } from '../src/testing/hostile-pickle.js';
import { HOSTILE_SAFETENSORS } from '../src/testing/hostile-safetensors.js';
import { HOSTILE_ZIPS } from '../src/testing/hostile-zip.js';
import { mutatePickle, mutateZip } from '../src/testing/mutate-pth.js';
import { mutateSafetensors } from '../src/testing/mutate-safetensors.js';

/** A series of files, each made from its number alone. */
export interface Series {
  count: number;
  extension: 'pth' | 'safetensors';
  /** Every one of them is to be refused. */
  refuse: boolean;
  input(index: number): { what: string; bytes: Uint8Array };
}

type Case = readonly [what: string, bytes: () => Uint8Array, ...rest: unknown[]];

function cases(all: readonly Case[], extension: Series['extension'] = 'pth'): Series {
  return {
    count: all.length,
    extension,
    refuse: true,
    input: (index) => {
      const [what, bytes] = all[index] as Case;
      return { what, bytes: bytes() };
    },
  };
}

/** Every shorter beginning of valid files. */
function prefixes(files: readonly Uint8Array[], extension: Series['extension'] = 'pth'): Series {
  return {
    count: files.reduce((sum, { length }) => sum + length, 0),
    extension,
    refuse: true,
    input(index) {
      let at = index;
      for (const [file, bytes] of files.entries()) {
        if (at < bytes.length) return { what: `file ${file}, ${at} bytes`, bytes: bytes.subarray(0, at) };
        at -= bytes.length;
      }
      throw new Error(`no input ${index}`);
    },
  };
}

function mutants(
  count: number,
  seed: number,
  make: (rng: ReturnType<typeof createRng>) => Uint8Array,
  extension: Series['extension'] = 'pth',
): Series {
  return {
    count,
    extension,
    refuse: false,
    // Each has a generator of its own, so that one can be made again without those before it.
    input: (index) => ({ what: `mutant ${index}`, bytes: make(createRng(seed + index)) }),
  };
}

export function allSeries(seed: number, count: number): Record<string, Series> {
  return {
    'zip, by hand': cases(HOSTILE_ZIPS),
    'pickle, by hand': cases(HOSTILE_PICKLES),
    'tensors, by hand': cases(HOSTILE_TENSORS),
    'legacy, by hand': cases(HOSTILE_LEGACY),
    'safetensors, by hand': cases(
      HOSTILE_SAFETENSORS.map(([what, bytes]): Case => [what, () => bytes]),
      'safetensors',
    ),
    'pth, cut': prefixes([
      craftPth(samplePickle()),
      craftZip(pthEntries(samplePickle()), { asTorch: false }).bytes,
      craftLegacy(samplePickle(true)),
    ]),
    'safetensors, cut': prefixes([sample()], 'safetensors'),
    'zip, mutants': mutants(count, seed, mutateZip),
    'pickle, mutants': mutants(count, seed, mutatePickle),
    'safetensors, mutants': mutants(count, seed, (rng) => mutateSafetensors(sample(), rng), 'safetensors'),
  };
}
