/** What the released code (microsoft/Pengi, msclap) does to recordings, for `compat: 'reference'`. */
import { createFrontend, type Frontend } from '@pengi/audio-frontend';

/** How a model is to behave where the defaults differ from the released code. */
export interface CompatOptions {
  /** As the released code, quirk by quirk; docs/differences.md says what that changes. */
  compat: 'reference';
  /**
   * Of the windows that are drawn out of long recordings, one after the other; default 0. The released code has no seed and
   * another generator.
   */
  seed?: number;
}

/**
 * `frontend` with the released code's habits: channels end to end, short clips repeated, a random window of long ones
 * (which needs `rng` at each call), nothing trimmed or scaled. The mel bank stays.
 */
export function referenceFrontend({ config, melBank }: Frontend): Frontend {
  return createFrontend(
    { ...config, channels: 'concatenate', fit: 'loop', crop: 'random', trimSilence: null, peak: null },
    { melBank },
  );
}
