import { describe, expect, it } from 'vitest';
import { DEFAULT_VERSION, findRelease, RELEASES } from './releases.js';

describe('the pinned wheels', () => {
  it('are of 2.18 to 2.21, each in three variants, with whole checksums that occur once', () => {
    const sums = RELEASES.flatMap(({ sha256, libraries }) => [sha256, ...libraries.map((one) => one.sha256)]);
    expect(new Set(sums).size).toBe(3 * RELEASES.length);
    for (const sum of sums) expect(sum).toMatch(/^[0-9a-f]{64}$/);
    const minors = RELEASES.map(({ version }) => version.split('.')[1]);
    expect([...new Set(minors)].sort()).toEqual(['18', '19', '20', '21']);
    const kinds = RELEASES.map(({ version, variant, arch }) => `${version} ${variant} ${arch}`);
    expect(new Set(kinds).size).toBe(12);
  });

  it('have the name that says what they are', () => {
    for (const { version, variant, arch, project, wheel } of RELEASES) {
      expect(wheel).toMatch(new RegExp(`^${project.replace('-', '_')}-${version}-cp311-cp311-manylinux`));
      expect(wheel.endsWith(arch === 'x64' ? 'x86_64.whl' : 'aarch64.whl')).toBe(true);
      // On arm64 the index has no tensorflow-cpu, and tensorflow there is without CUDA.
      expect(project).toBe(variant === 'cpu' && arch === 'x64' ? 'tensorflow-cpu' : 'tensorflow');
    }
  });

  it('are found for a machine', () => {
    const linux = { platform: 'linux', arch: 'x64' };
    expect(findRelease(undefined, undefined, linux)).toMatchObject({
      version: DEFAULT_VERSION,
      variant: 'cpu',
    });
    expect(findRelease('2.18.1', 'gpu', linux).project).toBe('tensorflow');
    const find = (version: string, variant: 'cpu' | 'gpu', platform: string, arch: string) => () =>
      findRelease(version, variant, { platform, arch });
    expect(find('2.17.0', 'cpu', 'linux', 'x64')).toThrow(expect.objectContaining({ code: 'E_USAGE' }));
    expect(find('2.20.0', 'gpu', 'linux', 'arm64')).toThrow(expect.objectContaining({ code: 'E_USAGE' }));
    expect(find('2.20.0', 'cpu', 'darwin', 'arm64')).toThrow(expect.objectContaining({ code: 'E_ENGINE' }));
  });
});
