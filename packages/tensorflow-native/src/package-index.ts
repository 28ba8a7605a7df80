import { findInIndex, publicAddress } from '@pengi/checkpoint/download';
import { PengiError } from '@pengi/core';
import type { Release } from './releases.js';

/**
 * Where a package index has a wheel.
 * @param index its base address, as `PIP_INDEX_URL` has it
 * @throws PengiError E_CHECKPOINT when it names another checksum than the pinned one, and what `findInIndex` throws
 */
export async function findWheel(index: string, release: Release, signal?: AbortSignal): Promise<string> {
  const { url, sha256 } = await findInIndex(index, release.project, release.wheel, signal);
  if (sha256 !== undefined && sha256 !== release.sha256)
    throw new PengiError(
      'E_CHECKPOINT',
      `the index names another sha256 for ${release.wheel}: ${sha256}, pinned ${release.sha256}`,
      { file: publicAddress(url) },
    );
  return url;
}
