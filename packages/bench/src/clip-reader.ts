import { readFile, stat } from 'node:fs/promises';
import { createFrontend, decodeAudio } from '@pengi/audio-frontend';
import { createRng, isPengiError, PengiError } from '@pengi/core';
import { fileError } from '@pengi/core/node';
import type { ClipReply, ClipRequest, ClipSettings } from './clips.js';
import { sha256 } from './runner/keys.js';

/** Reads one recording after the other. @throws PengiError E_CONFIG; what is wrong with a recording is in the reply */
export function createClipReader({
  frontend: config,
  crop,
  seed = 0,
  maxSeconds = 600,
}: ClipSettings): (request: ClipRequest) => Promise<ClipReply> {
  const frontend = config && createFrontend(config);
  return async ({ audio, want }) => {
    try {
      const bytes = await readRegular(audio);
      const content = sha256(bytes);
      if (want === 'sha256') return { sha256: content };
      const decoded = await decodeAudio(bytes, { name: audio, maxSeconds });
      if (!frontend) return { sha256: content };
      const { samples } = frontend.prepare(decoded, {
        ...(crop && { crop }),
        ...(crop === 'random' && { rng: createRng(seed).fork(content) }),
      });
      return { sha256: content, samples, sampleRate: frontend.config.sampleRate };
    } catch (error) {
      if (!isPengiError(error)) throw error;
      const { code, message, file = audio, hint } = error;
      return { failure: { code, message, file, hint } };
    }
  };
}

const MAX_FILE_BYTES = 2 ** 30;

async function readRegular(path: string): Promise<Uint8Array> {
  try {
    const found = await stat(path); // before it is opened: a pipe or a device might never end
    if (!found.isFile()) throw new PengiError('E_NOT_FOUND', 'is no regular file', { file: path });
    if (found.size > MAX_FILE_BYTES)
      throw new PengiError(
        'E_AUDIO_TOO_LONG',
        `has ${found.size} bytes; at most ${MAX_FILE_BYTES} are read`,
        {
          file: path,
        },
      );
    return await readFile(path);
  } catch (error) {
    throw fileError(error, path, 'read');
  }
}
