/**
 * The proxy auto-configuration file (`/proxy.pac`), made from policy. Browsers and WinHTTP run it to learn which
 * addresses to ask through this proxy; whatever it does not name they fetch as if we were not there.
 */
import { hostPattern } from './host-patterns.ts'

export interface PacOptions {
  /** Patterns (host-patterns.ts), a port only where one is meant; empty: all plain http. */
  readonly hosts: readonly string[]
}

/**
 * A plain name is a machine of the LAN, for which nobody needs us, unless it is listed as such. So is a name of a private address where
 * nothing is listed: we would refuse it (upstream/address-check.ts), and a client does not go round a refusal.
 * @param proxy as the client reached us, `127.0.0.1:17831`
 */
export function pacFile(proxy: string, { hosts }: PacOptions): string {
  // JSON is JavaScript; what stands in it is data and cannot end a string. Old engines run this: no let, no arrows.
  return `function FindProxyForURL(url, host) {
  var proxy = ${JSON.stringify(`PROXY ${proxy}; DIRECT`)};
  var patterns = ${JSON.stringify((hosts.length === 0 ? ['*'] : hosts).map(hostPattern))};
  var found = /^http:\\/\\/(?:[^\\/?#@]*@)?(?:\\[[^\\]]*\\]|[^\\/?#:]*)(?::(\\d+))?/i.exec(url);
  var port = found && found[1] ? Number(found[1]) : 80;
  host = host.toLowerCase();
  if (!found || host === "localhost" || host === "127.0.0.1" || host === "::1" || host === "[::1]") return "DIRECT";
  if (${hosts.length === 0}) {
    var address = /^[0-9.]+$/.test(host) ? host : dnsResolve(host);
    if (address && /^(10|127|169\\.254|172\\.(1[6-9]|2[0-9]|3[01])|192\\.168)\\./.test(address)) return "DIRECT";
  }
  for (var i = 0; i < patterns.length; i++) {
    var name = patterns[i].name;
    if (patterns[i].port !== null && patterns[i].port !== port) continue;
    if (host === name || (name === "*" && !isPlainHostName(host))) return proxy;
    if (name.substring(0, 2) === "*." && (host === name.substring(2) || dnsDomainIs(host, name.substring(1)))) return proxy;
  }
  return "DIRECT";
}
`
}
