import { type Agent, get as getHttp, type IncomingMessage } from 'node:http';
import { get as getHttps } from 'node:https';
import { PengiError } from '@pengi/core';
import { HttpProxyAgent } from 'http-proxy-agent';
import { HttpsProxyAgent } from 'https-proxy-agent';
import { getProxyForUrl } from 'proxy-from-env';

const IDLE_MS = 60_000;
const MAX_REDIRECTS = 10;

/**
 * The answer to a GET request, redirects followed, its body unread: read it or destroy it. Honours HTTP_PROXY, HTTPS_PROXY,
 * ALL_PROXY and NO_PROXY. On node:http, since undici 7 ends the process when a server closes the
 * connection while the body waits to be read (nodejs/undici#5360), which is what a slow disk makes of an interrupted download.
 * @param idleMs a connection that gives nothing for so long is lost; a minute by default
 * @throws PengiError E_USAGE for a proxy that is no URL, E_IO for a redirect from https to something else; any other error
 *   for what the network does
 */
export async function get(
  url: string,
  headers: Record<string, string>,
  signal?: AbortSignal,
  idleMs = IDLE_MS,
): Promise<IncomingMessage> {
  let address = new URL(url);
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const answer = await request(address, headers, signal, idleMs);
    const { location } = answer.headers;
    if (![301, 302, 303, 307, 308].includes(answer.statusCode ?? 0) || location === undefined) return answer;
    answer.destroy();
    const next = new URL(location, address);
    if (next.protocol !== 'https:' && (address.protocol === 'https:' || next.protocol !== 'http:'))
      throw new PengiError('E_IO', `the server leads to an address with ${next.protocol}`, { file: url });
    address = next;
  }
  throw new Error(`more than ${MAX_REDIRECTS} redirects`);
}

function request(
  url: URL,
  headers: Record<string, string>,
  signal: AbortSignal | undefined,
  idleMs: number,
): Promise<IncomingMessage> {
  const send = url.protocol === 'https:' ? getHttps : getHttp;
  const options = { headers, agent: proxyAgent(url) ?? false, timeout: idleMs, ...(signal && { signal }) };
  return new Promise((resolve, reject) => {
    const sent = send(url, options, resolve);
    sent.on('error', reject);
    sent.on('timeout', () => sent.destroy(new Error(`nothing came for ${idleMs / 1000} s`)));
  });
}

function proxyAgent({ href, protocol }: URL): Agent | undefined {
  const proxy = getProxyForUrl(href);
  if (proxy === '') return undefined;
  // its value is not shown: it may hold a password
  if (!URL.canParse(proxy)) throw new PengiError('E_USAGE', 'HTTP_PROXY or HTTPS_PROXY is no URL');
  return protocol === 'https:' ? new HttpsProxyAgent(proxy) : new HttpProxyAgent(proxy);
}
