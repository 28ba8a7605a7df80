import { join } from 'node:path';
import { PengiError } from '@pengi/core';
import { runProgram } from '@pengi/core/node';
import type { ClientOptions } from './pip.js';

/** A jar in a Maven repository. */
export interface MavenArtifact {
  readonly group: string;
  readonly artifact: string;
  readonly version: string;
  readonly classifier?: string;
}

/** Pinned, so that it is the same one everywhere; it runs on Maven 3.2.5 and later. */
const COPY = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy';

/** Its path in a repository, and its file's name. */
export function mavenPath({ group, artifact, version, classifier }: MavenArtifact): {
  path: string;
  file: string;
} {
  const file = `${artifact}-${version}${classifier === undefined ? '' : `-${classifier}`}.jar`;
  return { path: `${group.replaceAll('.', '/')}/${artifact}/${version}/${file}`, file };
}

/**
 * Downloads a jar with the user's Maven, which knows the user's mirrors, proxies and credentials. What Maven says goes to stderr.
 * @param folder gets the jar, and below `repository` what Maven keeps: nothing is left in the user's own repository
 * @returns its path; undefined where there is no Maven
 * @throws PengiError E_IO when Maven fails; the signal's reason
 */
export async function mavenDownload(
  jar: MavenArtifact,
  folder: string,
  { signal, hint }: ClientOptions = {},
): Promise<string | undefined> {
  const { group, artifact, version, classifier } = jar;
  const ended = await runProgram(
    'mvn',
    [
      // Its bars are for a terminal.
      ...(process.stderr.isTTY ? [] : ['--batch-mode', '--quiet']),
      COPY,
      `-Dartifact=${[group, artifact, version, 'jar', ...(classifier === undefined ? [] : [classifier])].join(':')}`,
      `-DoutputDirectory=${folder}`,
      `-Dmaven.repo.local=${join(folder, 'repository')}`,
    ],
    { show: true, signal, cwd: folder },
  );
  if (!ended) return undefined;
  const { file } = mavenPath(jar);
  if (ended.status !== 0)
    throw new PengiError('E_IO', `Maven could not download ${file}`, {
      hint: `its reason stands above${hint === undefined ? '' : `; ${hint}`}`,
    });
  return join(folder, file);
}
