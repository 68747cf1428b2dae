/**
 * The proxy auto-configuration file (`/proxy.pac`), made from policy. Browsers and WinHTTP run it to learn which
 * addresses to ask through this proxy; whatever it does not name they fetch as if we were not there.
 */

export interface PacOptions {
  /** Host patterns as content classes write them (`*.example.com` is also example.com itself); empty: all plain http. */
  readonly hosts: readonly string[]
}

/** @param proxy as the client reached us, `127.0.0.1:17831` */
export function pacFile(proxy: string, { hosts }: PacOptions): string {
  // JSON is JavaScript; what stands in it is data and cannot end a string.
  return `function FindProxyForURL(url, host) {
  var proxy = ${JSON.stringify(`PROXY ${proxy}; DIRECT`)};
  var patterns = ${JSON.stringify(hosts.map(host => host.toLowerCase()))};
  host = host.toLowerCase();
  if (url.substring(0, 5) !== "http:" || isPlainHostName(host) || host === "127.0.0.1" || host === "[::1]") return "DIRECT";
  if (patterns.length === 0) return proxy;
  for (var i = 0; i < patterns.length; i++) {
    var pattern = patterns[i];
    var bare = pattern.substring(0, 2) === "*." ? pattern.substring(2) : pattern;
    if (pattern === "*" || host === bare || (bare !== pattern && dnsDomainIs(host, "." + bare))) return proxy;
  }
  return "DIRECT";
}
`
}
