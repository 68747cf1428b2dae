import { expect, it } from 'vitest'
import { makePeer, makeStatus, makeTransfer, noBytes } from '../../test/doubles/local-page.ts'
import { madeUpstream } from '../../test/doubles/made-upstream.ts'
import { createMetrics, histograms, series } from './metrics.ts'
import type { AgentStatus } from './ports.ts'

const line = (text: string, start: string) => text.split('\n').find(one => one.startsWith(start))

it('tells the status of the moment it is asked, and does not add up over scrapes', async () => {
  let status: AgentStatus = makeStatus({
    totals: { ...noBytes, fromPeers: 7, toPeers: 5 },
    peers: [makePeer({ id: 'P' })]
  })
  const metrics = createMetrics(() => status)
  for (let scrape = 0; scrape < 2; scrape++) {
    const text = await metrics.text()
    expect(line(text, 'starling_received_bytes_total{source="peers"}')).toBe(
      'starling_received_bytes_total{source="peers"} 7'
    )
    expect(line(text, 'starling_peers_count{role="agent"}')).toBe('starling_peers_count{role="agent"} 1')
    expect(line(text, 'starling_coordinator_state{state="connected"}')).toMatch(/ 1$/)
  }
  status = makeStatus({
    totals: { ...noBytes, fromPeers: 9 },
    refusals: { 'no-credential': 2 },
    coordinator: { kind: 'lost', since: 0, problem: null },
    transfers: [
      makeTransfer({ transfer: 'a', key: 'k' }),
      makeTransfer({ transfer: 'b', key: 'k', keptBytes: 1, peers: 2 })
    ]
  })
  const text = await metrics.text()
  expect(line(text, 'starling_received_bytes_total{source="peers"}')).toMatch(/ 9$/)
  expect(line(text, 'starling_refusals_total{reason="no-credential"}')).toMatch(/ 2$/)
  expect(line(text, 'starling_peers_count{role="agent"}')).toMatch(/ 0$/)
  expect(line(text, 'starling_coordinator_state{state="connected"}')).toMatch(/ 0$/)
  expect(line(text, 'starling_transfers_count{state="active"}')).toMatch(/ 1$/)
})

it('shows the histogram of upstreams as it is kept, at each scrape afresh', async () => {
  let status = makeStatus({
    upstreams: [madeUpstream('gw-1', {}), madeUpstream('direct', { state: 'trying' })]
  })
  const metrics = createMetrics(() => status)
  for (let scrape = 0; scrape < 2; scrape++) {
    const text = await metrics.text()
    const labels = 'upstream="gw-1",phase="first-byte"'
    expect(text).toContain(
      [
        `starling_upstream_seconds_bucket{le="0.1",${labels}} 9`,
        `starling_upstream_seconds_bucket{le="1",${labels}} 10`,
        `starling_upstream_seconds_bucket{le="+Inf",${labels}} 10`,
        `starling_upstream_seconds_sum{${labels}} 1`,
        `starling_upstream_seconds_count{${labels}} 10`
      ].join('\n')
    )
    expect(text).toContain('# TYPE starling_upstream_seconds histogram')
    expect(text).toContain('starling_upstream_requests_total{upstream="gw-1",why="first"} 7')
    expect(text).toContain('starling_upstream_state{upstream="direct",state="trying"} 1')
  }
  status = makeStatus()
  expect(await metrics.text()).not.toContain('starling_upstream_seconds_bucket')
})

it('has a name and words for every series, and no key or peer in a label', async () => {
  const status = makeStatus({
    transfers: [makeTransfer({ transfer: 'a', key: 'secret.example/x' })],
    peers: [makePeer({ id: 'P12D3' })]
  })
  const text = await createMetrics(() => status).text()
  for (const { name, help } of [...series, ...histograms]) {
    expect(name).toMatch(/^starling_[a-z]+(_[a-z]+)*_(bytes|seconds|count|total|state|info)$/)
    expect(text).toContain(`# HELP ${name} ${help}`)
  }
  expect(text).not.toMatch(/secret\.example|P12D3/)
})

it('tells refusals by rule, and times as histograms whose buckets add up', async () => {
  const { proxy } = makeStatus()
  const swarm = { upToMs: [1, 500], counts: [2, 3, 1], sumMs: 1500 }
  const status = makeStatus({
    proxy: { ...proxy, refused: { 'no-video': 2 }, firstByte: { ...proxy.firstByte, swarm } }
  })
  const text = await createMetrics(() => status).text()
  expect(line(text, 'starling_proxy_refused_total{rule="no-video"}')).toMatch(/ 2$/)
  const name = 'starling_proxy_first_byte_seconds'
  const way = 'way="swarm"'
  expect(text).toContain(
    [
      `${name}_bucket{le="0.001",${way}} 2`,
      `${name}_bucket{le="0.5",${way}} 5`,
      `${name}_bucket{le="+Inf",${way}} 6`,
      `${name}_sum{${way}} 1.5`,
      `${name}_count{${way}} 6`
    ].join('\n')
  )
  for (const { name: known, help } of histograms)
    expect(text).toContain(`# HELP ${known} ${help}\n# TYPE ${known} histogram\n`)
})
