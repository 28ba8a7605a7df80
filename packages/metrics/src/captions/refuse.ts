import { PengiError } from '@pengi/core';

/**
 * @throws PengiError E_SHAPE when the lists differ in length, E_DATA when there is no clip, or a clip without reference
 */
export function refuseClips(
  candidates: readonly unknown[],
  references: readonly (readonly unknown[])[],
): void {
  if (candidates.length !== references.length)
    throw new PengiError(
      'E_SHAPE',
      `${candidates.length} candidates for the references of ${references.length} clips`,
    );
  if (candidates.length === 0) throw new PengiError('E_DATA', 'no captions to score');
  const without = references.findIndex((texts) => texts.length === 0);
  if (without >= 0) throw new PengiError('E_DATA', `clip ${without} has no reference caption`);
}
