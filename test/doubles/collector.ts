/** A collector of OpenTelemetry that takes spans by OTLP/HTTP in JSON, and keeps what it was told. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { secondMs, type Millis } from '@starling/shared/units.ts'

export interface ToldSpan {
  readonly service: string
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  /** Empty: it is nobody's. */
  readonly parent: string
  readonly facts: Readonly<Record<string, unknown>>
  /** Null: all went well. */
  readonly failure: string | null
}

export interface Collector {
  /** As `OTEL_EXPORTER_OTLP_ENDPOINT` wants it. */
  readonly url: string
  readonly port: number
  readonly spans: readonly ToldSpan[]
  /** All that came, word for word. */
  readonly text: () => string
  /** Resolves when `find` finds something. @throws when that takes too long, with what there is */
  until<Found>(find: (spans: readonly ToldSpan[]) => Found | undefined, withinMs?: Millis): Promise<Found>
  close(): Promise<void>
}

interface Otlp {
  readonly resourceSpans: ReadonlyArray<{
    readonly resource: { readonly attributes: readonly Attribute[] }
    readonly scopeSpans: ReadonlyArray<{
      readonly spans: ReadonlyArray<{
        readonly name: string
        readonly traceId: string
        readonly spanId: string
        readonly parentSpanId?: string
        readonly attributes: readonly Attribute[]
        readonly status?: { readonly code?: number; readonly message?: string }
      }>
    }>
  }>
}
interface Attribute {
  readonly key: string
  readonly value: Readonly<Record<string, unknown>>
}

const failed = 2

export async function startCollector(port = 0): Promise<Collector> {
  const spans: ToldSpan[] = []
  const texts: string[] = []
  const waiting = new Set<() => void>()
  const server = createServer((request, response) => {
    void (async () => {
      const told = (await json(request)) as Otlp
      texts.push(JSON.stringify(told))
      for (const { resource, scopeSpans } of told.resourceSpans)
        for (const { spans: some } of scopeSpans)
          for (const { name, traceId, spanId, parentSpanId, attributes, status } of some)
            spans.push({
              service: String(factsOf(resource.attributes)['service.name']),
              name,
              traceId,
              spanId,
              parent: parentSpanId ?? '',
              facts: factsOf(attributes),
              failure: status?.code === failed ? (status.message ?? '') : null
            })
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
      for (const look of waiting) look()
    })()
  })
  await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve))
  const at = (server.address() as AddressInfo).port

  return {
    url: `http://127.0.0.1:${at}`,
    port: at,
    spans,
    text: () => texts.join('\n'),
    until: async (find, withinMs = 20 * secondMs) =>
      await new Promise((resolve, reject) => {
        const look = (): void => {
          const found = find(spans)
          if (found === undefined) return
          clearTimeout(timer)
          waiting.delete(look)
          resolve(found)
        }
        const timer = setTimeout(() => {
          waiting.delete(look)
          const names = spans.map(({ service, name, parent }) => `${service} ${name} in ${parent}`)
          reject(new Error(`not told in time; told were ${names.join(', ')}`))
        }, withinMs)
        waiting.add(look)
        look()
      }),
    async close() {
      const closed = new Promise(resolve => server.close(resolve))
      server.closeAllConnections()
      await closed
    }
  }
}

function factsOf(attributes: readonly Attribute[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))
}
