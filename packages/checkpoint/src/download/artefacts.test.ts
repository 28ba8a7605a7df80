import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ARTEFACTS, artefactSize, cacheFolder, findArtefact } from './index.js';

describe('the table of artefacts', () => {
  it('has names, aliases and file names that are each unambiguous and safe as file names', () => {
    const names = ARTEFACTS.flatMap(({ name, aliases = [] }) => [name, ...aliases]);
    expect(new Set(names).size).toBe(names.length);
    for (const { name, files } of ARTEFACTS) {
      expect(name).toMatch(/^[a-z0-9][a-z0-9-]*$/);
      expect(new Set(files.map((file) => file.name)).size).toBe(files.length);
      for (const file of files) expect(file.name).toMatch(/^[A-Za-z0-9][\w.-]*$/);
    }
  });

  it('has whole checksums, and on Hugging Face a commit and a checksum for every file', () => {
    for (const { origin, files } of ARTEFACTS)
      for (const { name, path, sha256, md5 } of files) {
        expect(path.endsWith(`/${name}`)).toBe(true);
        expect(new URL(`${origin}/${path}`).protocol).toBe('https:');
        if (sha256 !== undefined) expect(sha256).toMatch(/^[0-9a-f]{64}$/);
        if (md5 !== undefined) expect(md5).toMatch(/^[0-9a-f]{32}$/);
        if (origin !== 'https://huggingface.co') continue;
        expect(path).toMatch(/\/resolve\/[0-9a-f]{40}\//);
        expect(sha256).toBeDefined();
      }
  });

  it('knows artefacts by their file and upstream names', () => {
    expect(findArtefact('base.pth')?.name).toBe('pengi-base');
    expect(findArtefact('openai/clip-vit-base-patch16')?.family).toBe('clip');
    expect(findArtefact('toString')).toBeUndefined();
  });

  it('sums sizes when all are published', () => {
    expect(artefactSize(findArtefact('clapcap-2023')!)).toBe(1_712_037_386);
    expect(artefactSize(findArtefact('pengi-base')!)).toBeUndefined();
  });
});

describe('cacheFolder', () => {
  it.each([
    [{ PENGI_CACHE: 'own', XDG_CACHE_HOME: '/xdg' }, resolve('own')],
    [{ PENGI_CACHE: '', XDG_CACHE_HOME: resolve('/xdg') }, join(resolve('/xdg'), 'pengi')],
    [{ XDG_CACHE_HOME: 'relative' }, join(homedir(), '.cache', 'pengi')],
    [{}, join(homedir(), '.cache', 'pengi')],
  ])('of %j', (environment, folder) => {
    expect(cacheFolder(environment)).toBe(folder);
  });
});
