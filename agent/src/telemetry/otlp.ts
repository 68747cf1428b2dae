/**
 * Spans to a collector by OTLP over HTTP (JSON). The libraries of OpenTelemetry are loaded only where a collector is configured,
 * and nothing of them is registered for the process: an embedded gateway and its coordinator tell theirs side by side.
 *
 * A collector is a guest: when it is away, spans beyond a fixed number are dropped, one line in a while says so, and nobody waits.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { codeOf, messageOf, StarlingError } from '@starling/shared/errors.ts'
import { minuteMs, secondMs, type Millis } from '@starling/shared/units.ts'
import { noSpans, type BeginSpan, type Span, type SpanFacts, type Spans } from './spans.ts'

export interface Service {
  /** `starling-agent`, `starling-coordinator` */
  readonly name: string
  readonly version: string
  /** Its AgentId. */
  readonly id: string
  readonly facts?: SpanFacts
}

interface Said {
  warn(fact: object, sentence: string): void
}

type Environment = Readonly<Record<string, string | undefined>>

/** Some 2 MB. */
const waitingSpansMax = 2048
const sendEveryMs: Millis = 2 * secondMs
const answerMsMax: Millis = 5 * secondMs
/** A stop does not wait for a collector that is away. */
const lastWordsMsMax: Millis = 2 * secondMs
const sayAgainMs: Millis = 10 * minuteMs

/**
 * Where traces go: what is configured, or what OpenTelemetry's own variables say, or nowhere.
 * https://opentelemetry.io/docs/specs/otel/protocol/exporter/
 * @throws StarlingError `bad-config`
 */
export function tracesEndpoint(configured: string | null, env: Environment): string | null {
  if (env.OTEL_SDK_DISABLED?.toLowerCase() === 'true') return null
  const given = configured ?? (env.OTEL_EXPORTER_OTLP_ENDPOINT || null)
  const whole = configured === null ? env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT || null : null
  if (whole === null && given === null) return null
  const url = URL.parse(whole ?? `${given?.replace(/\/*(?:\/v1\/traces)?\/*$/, '')}/v1/traces`)
  if (url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.search === '')
    return url.href
  throw new StarlingError(
    'bad-config',
    'the collector for traces is given as http://host:4318 or https://...; what it wants to know of us goes into OTEL_EXPORTER_OTLP_HEADERS'
  )
}

/** @param endpoint null: nobody is told */
export async function openSpans(endpoint: string | null, service: Service, log: Said): Promise<Spans> {
  if (endpoint === null) return noSpans
  const [api, sdk, { resourceFromAttributes }, { OTLPTraceExporter }] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-trace'),
    import('@opentelemetry/resources'),
    import('@opentelemetry/exporter-trace-otlp-http')
  ])
  const exporter = new OTLPTraceExporter({ url: endpoint, timeoutMillis: answerMsMax, concurrencyLimit: 2 })
  let saidAt = -Infinity
  const told: typeof exporter.export = (spans, done) => {
    exporter.export(spans, result => {
      if (result.error !== undefined && performance.now() - saidAt > sayAgainMs) {
        saidAt = performance.now()
        const why = codeOf(result.error) || messageOf(result.error)
        log.warn({ collector: new URL(endpoint).host, why }, 'traces do not reach their collector')
      }
      done(result)
    })
  }
  const provider = new sdk.TracerProvider({
    resource: resourceFromAttributes({
      'service.name': service.name,
      'service.version': service.version,
      'service.instance.id': service.id,
      ...service.facts
    }),
    // What a caller has decided not to record is not recorded here either.
    sampler: new sdk.ParentBasedSampler({ root: new sdk.AlwaysOnSampler() }),
    spanLimits: {
      attributeCountLimit: 32,
      attributeValueLengthLimit: 1024,
      eventCountLimit: 0,
      linkCountLimit: 0
    },
    spanProcessors: [
      new sdk.BatchSpanProcessor({
        exporter: {
          export: told,
          shutdown: () => exporter.shutdown(),
          forceFlush: () => exporter.forceFlush()
        },
        maxQueueSize: waitingSpansMax,
        scheduledDelayMillis: sendEveryMs,
        exportTimeoutMillis: answerMsMax
      })
    ]
  })
  const tracer = provider.getTracer('starling')
  const current = new AsyncLocalStorage<Span>()
  const contexts = new WeakMap<Span, ReturnType<typeof api.trace.setSpan>>()
  const kinds = { server: api.SpanKind.SERVER, client: api.SpanKind.CLIENT, own: api.SpanKind.INTERNAL }

  function contextOf({ parent = null, traceparent }: BeginSpan) {
    if (parent !== null) return contexts.get(parent) ?? api.ROOT_CONTEXT
    const asked = parseTraceparent(traceparent)
    if (asked === null) return api.ROOT_CONTEXT
    return api.trace.setSpanContext(api.ROOT_CONTEXT, { ...asked, isRemote: true })
  }

  return {
    areTold: true,
    begin(name, how = {}) {
      const context = contextOf(how)
      const one = tracer.startSpan(
        name,
        {
          kind: kinds[how.kind ?? 'own'],
          attributes: { ...how.facts },
          ...(how.at === undefined ? {} : { startTime: how.at })
        },
        context
      )
      const span: Span = {
        note(facts) {
          one.setAttributes({ ...facts })
        },
        end(failure = null, at) {
          if (failure !== null) one.setStatus({ code: api.SpanStatusCode.ERROR, message: failure })
          one.end(at)
        }
      }
      contexts.set(span, api.trace.setSpan(context, one))
      return span
    },
    within: (span, work) => current.run(span, work),
    current: () => current.getStore() ?? null,
    async close() {
      const late = Promise.withResolvers<void>()
      const timer = setTimeout(late.resolve, lastWordsMsMax)
      // What could not be told has been said already.
      await Promise.race([provider.shutdown().catch(() => {}), late.promise])
      clearTimeout(timer)
    }
  }
}

/** https://www.w3.org/TR/trace-context/#traceparent-header; null: nothing that we understand. */
function parseTraceparent(
  header: string | undefined
): { readonly traceId: string; readonly spanId: string; readonly traceFlags: number } | null {
  const [, version, traceId = '', spanId = '', flags = ''] =
    /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/.exec(header ?? '') ?? []
  if (version === undefined || version === 'ff' || /^0+$/.test(traceId) || /^0+$/.test(spanId)) return null
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & 1 }
}
