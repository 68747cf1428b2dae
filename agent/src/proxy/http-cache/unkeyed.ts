/**
 * Which of a client's headers may have chosen a response that others are given, pure.
 *
 * All of a client's headers go upstream as they came: an API key in a field that we have never heard of must not be lost,
 * and nobody is to notice us by an answer that he would not have got. But then one client can make the origin say what
 * only he should hear, and a cache that knows only URL and Vary would tell it to all: `X-Forwarded-Host: evil.example`
 * comes back in every link, `X-HTTP-Method-Override: POST` as an error (cache poisoning, CPDoS). So it is the other way
 * round: what came for a request with a field that is neither harmless nor told apart by the variant goes to that
 * client, and is not kept. The alternative, to send only what is known, would break the API and cost a second request.
 */
import { tokensOf } from '@starling/shared/http-fields.ts'

/** They are about the way, the program or the moment, and not about the content. Each cache there is looks past them. */
const harmless: ReadonlySet<string> = new Set([
  'accept-charset',
  'accept-encoding',
  'dnt',
  'from',
  'max-forwards',
  'ms-cv',
  'priority',
  'referer',
  'save-data',
  'traceparent',
  'tracestate',
  'upgrade-insecure-requests',
  'user-agent'
])
const harmlessPrefixes = ['sec-fetch-', 'sec-ch-', 'sec-gpc', 'sec-purpose']

/** Origins choose pages by these, and now and then forget to say so in Vary: there they are told apart in any case. */
const choosing: readonly string[] = ['accept', 'accept-language', 'origin']

const noFields: ReadonlySet<string> = new Set()

/** The request fields by whose values a response is told from its siblings. */
export function variedBy(
  vary: string | null,
  { isDownload, isEncoded }: { readonly isDownload: boolean; readonly isEncoded: boolean }
): ReadonlySet<string> {
  return new Set([
    ...tokensOf(vary),
    ...(isDownload ? [] : choosing),
    // An origin that encodes and does not say Vary would have us give gzip to who cannot read it.
    ...(isEncoded ? ['accept-encoding'] : [])
  ])
}

/** Whether one of the request's fields may have made the response what it is, and would not be seen by others. */
export function isUnkeyed(names: readonly string[], varied: ReadonlySet<string> = noFields): boolean {
  return names.some(
    name =>
      !harmless.has(name) &&
      !choosing.includes(name) &&
      !varied.has(name) &&
      !harmlessPrefixes.some(prefix => name.startsWith(prefix))
  )
}
