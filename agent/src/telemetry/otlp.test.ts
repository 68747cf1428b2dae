import { expect, it } from 'vitest'
import { startCollector } from '../../../test/doubles/collector.ts'
import { openSpans, tracesEndpoint } from './otlp.ts'
import { noSpans } from './spans.ts'

const service = { name: 'starling-test', version: '1', id: 'me' }

function hearing() {
  const said: object[] = []
  return { said, warn: (fact: object) => void said.push(fact) }
}

it('spans nest as they were begun, within the trace that a caller brings', async () => {
  const collector = await startCollector()
  const spans = await openSpans(`${collector.url}/v1/traces`, service, hearing())
  const [traceId, caller] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331']
  const outer = spans.begin('outer', {
    kind: 'server',
    traceparent: `00-${traceId}-${caller}-01`,
    facts: { size: 3 }
  })
  await spans.within(outer, async () => {
    await Promise.resolve()
    const inner = spans.begin('inner', { parent: spans.current() })
    inner.end('it broke')
  })
  outer.note({ more: true })
  outer.end()
  expect(spans.current()).toBeNull()
  await spans.close()

  const [inner, whole] = ['inner', 'outer'].map(name => collector.spans.find(one => one.name === name)!)
  expect(whole).toMatchObject({
    service: 'starling-test',
    traceId,
    parent: caller,
    facts: { size: 3, more: true },
    failure: null
  })
  expect(inner).toMatchObject({ traceId, parent: whole!.spanId, failure: 'it broke' })
  await collector.close()
})

it.each([
  ['nothing', undefined],
  ['no header of ours', 'hello'],
  ['zeros', `00-${'0'.repeat(32)}-b7ad6b7169203331-01`],
  ['a version that cannot be', `ff-${'a'.repeat(32)}-b7ad6b7169203331-01`]
])('%s as traceparent is a trace of its own', async (_, traceparent) => {
  const collector = await startCollector()
  const spans = await openSpans(`${collector.url}/v1/traces`, service, hearing())
  spans.begin('alone', { traceparent }).end()
  await spans.close()
  expect(collector.spans).toMatchObject([{ name: 'alone', parent: '' }])
  await collector.close()
})

it('what a caller has decided not to record is not recorded', async () => {
  const collector = await startCollector()
  const spans = await openSpans(`${collector.url}/v1/traces`, service, hearing())
  spans.begin('unseen', { traceparent: `00-${'a'.repeat(32)}-b7ad6b7169203331-00` }).end()
  spans.begin('seen').end()
  await spans.close()
  expect(collector.spans.map(({ name }) => name)).toEqual(['seen'])
  await collector.close()
})

it('a collector that is away costs a fixed number of spans, one line in the log, and no time at the end', async () => {
  const gone = await startCollector()
  await gone.close()
  const log = hearing()
  const spans = await openSpans(`${gone.url}/v1/traces`, service, log)
  for (let count = 0; count < 20_000; count++) spans.begin('lost').end()
  const back = await startCollector(gone.port)
  const began = performance.now()
  await spans.close()
  expect(performance.now() - began).toBeLessThan(5000)
  // What waits, and a batch that may be on its way.
  expect(back.spans.length).toBeLessThanOrEqual(2048 + 512)
  await back.close()

  const unheard = await openSpans(`${gone.url}/v1/traces`, service, log)
  unheard.begin('lost').end()
  await unheard.close()
  expect(log.said.length).toBeLessThanOrEqual(1)
})

it('without a collector nobody is told, and nothing is loaded', async () => {
  expect(tracesEndpoint(null, {})).toBeNull()
  expect(await openSpans(null, service, hearing())).toBe(noSpans)
})

it('goes where the configuration says, then where the variables of OpenTelemetry say', () => {
  const standard = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://b:4318' }
  expect(tracesEndpoint('http://a:4318/', standard)).toBe('http://a:4318/v1/traces')
  expect(tracesEndpoint(null, standard)).toBe('http://b:4318/v1/traces')
  expect(tracesEndpoint('http://a:4318/v1/traces', {})).toBe('http://a:4318/v1/traces')
  const special = { ...standard, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://c/in' }
  expect(tracesEndpoint(null, special)).toBe('https://c/in')
  expect(tracesEndpoint('http://a:4318', { OTEL_SDK_DISABLED: 'true' })).toBeNull()
  for (const wrong of ['a:4318', 'ftp://a', 'http://me:secret@a:4318'])
    expect(() => tracesEndpoint(wrong, {}), wrong).toThrow(/OTEL_EXPORTER_OTLP_HEADERS/)
})
