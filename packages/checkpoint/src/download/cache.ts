import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';

/**
 * Where downloads lie: `PENGI_CACHE`, else `pengi` in `XDG_CACHE_HOME` (an absolute path, as its specification demands),
 * else in `~/.cache`, or on Windows in the local application data.
 */
export function cacheFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const { PENGI_CACHE: own, XDG_CACHE_HOME: xdg, LOCALAPPDATA: local } = environment;
  if (own) return resolve(own);
  if (xdg && isAbsolute(xdg)) return join(xdg, 'pengi');
  if (process.platform === 'win32' && local) return join(local, 'pengi');
  return join(homedir(), '.cache', 'pengi');
}
