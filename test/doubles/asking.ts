/** How the tests of the upstream ask: a plain GET unless told otherwise, and the body as text. */
import type { UpstreamPort, UpstreamRequest, UpstreamResponse } from '@starling/agent/ports.ts'

export const plainGet = (url: string, more: Partial<UpstreamRequest> = {}): UpstreamRequest => ({
  url,
  method: 'GET',
  headers: {},
  range: null,
  ifRange: null,
  signal: new AbortController().signal,
  ...more
})

export async function ask(
  port: UpstreamPort,
  url: string,
  more: Partial<UpstreamRequest> = {}
): Promise<[response: UpstreamResponse, text: string]> {
  const response = await port.request(plainGet(url, more))
  const parts: Uint8Array[] = []
  for await (const part of response.body) parts.push(part)
  return [response, Buffer.concat(parts).toString('latin1')]
}
