/** What people see of real agents in the middle of a download, after it, and after a restart. */
import type { ChunkMap, DeliveryStatus, HistoryView, PeerInfoView, WhyView } from '@starling/agent/views.ts'
import { MiB } from '@starling/shared/units.ts'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { seededContent } from '../doubles/content.ts'
import { startOrigin, type Origin } from '../doubles/origin.ts'
import { download, json } from './client.ts'
import { openHouse } from './harness.ts'
import { agentProgram, fleetSecret, startAgent, startMembers, untilAllMet } from './site.ts'

const house = openHouse()
let origin: Origin
const content = seededContent('looked into', 24 * MiB)

beforeAll(async () => {
  origin = await startOrigin()
  house.keep(() => origin.close())
})
afterAll(() => house.close())

/** The first event of this name for which it holds. */
async function event<Data>(address: string, name: string, holds: (data: Data) => boolean): Promise<Data> {
  const stop = new AbortController()
  const response = await fetch(address, { signal: stop.signal })
  let text = ''
  for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) {
    text += piece
    const lines = text.split('\n\n')
    text = lines.pop()!
    for (const line of lines) {
      const [, json] = new RegExp(`^event: ${name}\ndata: (.*)$`).exec(line) ?? []
      if (json === undefined || !holds(JSON.parse(json))) continue
      stop.abort()
      return JSON.parse(json)
    }
  }
  throw new Error(`the stream ended before ${name}`)
}

const kindsOf = ({ sources, runs }: ChunkMap) => new Set(runs.map(([source]) => sources[source]!.kind))

test('a download can be looked into while it goes on, after it, and after a restart', async () => {
  origin.put('/update.msu', content)
  const url = `${origin.url}/update.msu`
  const secret = fleetSecret()
  const slow = ['--policy', 'DOMaxForegroundDownloadBandwidth=4000']
  const [one] = await startMembers(house, secret, ['looked-into-1'], [], { args: slow })
  const downloading = download(one!.proxy, url)
  const underWay = await event<{ transfers: Array<{ transfer: string; keptBytes: number }> }>(
    `${one!.page}/api/v1/events`,
    'status',
    ({ transfers }) => (transfers[0]?.keptBytes ?? 0) > 0
  )
  const { transfer } = underWay.transfers[0]!

  const why = await json<WhyView>(`${one!.page}/api/v1/transfers/${transfer}/why`)
  expect(why.reasons.map(({ code }) => code)).toEqual(
    expect.arrayContaining(['from-origin', 'no-peers', 'foreground-rate'])
  )
  expect(why.claims[0]).toMatchObject({ own: true })
  const map = await event<ChunkMap>(
    `${one!.page}/api/v1/events?transfer=${transfer}`,
    'chunks',
    ({ runs }) => runs.length >= 3
  )
  expect(kindsOf(map)).toEqual(new Set(['origin', 'fetching', 'missing']))
  expect(map.runs.reduce((sum, [, count]) => sum + count, 0)).toBe(24)
  const said = await house.run(agentProgram, ['why', url, '--data', one!.folder])
  expect(said.stdout).toMatch(/this machine fetches from the origin/)
  expect((await downloading).status).toBe(200)

  const [two] = await startMembers(house, secret, ['looked-into-2'], [one!])
  await download(two!.proxy, url)
  // A client may have its last bytes before the disk has.
  await event<{ transfers: Array<{ complete: boolean; readers: number }> }>(
    `${two!.page}/api/v1/events`,
    'status',
    ({ transfers }) => transfers.some(({ complete, readers }) => complete && readers === 0)
  )
  const [status] = await json<DeliveryStatus[]>(`${two!.page}/api/v1/delivery-status`)
  expect(status).toMatchObject({
    FileId: transfer,
    FileSize: content.length,
    FileSizeInCache: content.length,
    BytesFromLanPeers: content.length,
    BytesFromHttp: 0,
    PercentPeerCaching: 100,
    NumPeers: 1,
    Status: 'Caching',
    SourceURL: url
  })
  const chunks = () => json<ChunkMap>(`${two!.page}/api/v1/transfers/${transfer}/chunks`)
  const came = await chunks()
  expect(came.runs).toEqual([[4, 24]])
  expect(came.sources[4]).toEqual({ kind: 'peer', peer: one!.id })
  const { peers } = await json<PeerInfoView>(`${two!.page}/api/v1/peer-info`)
  // Of what nobody is after any more, it is told how many copies there are, and not who has which.
  expect(peers).toMatchObject([{ id: one!.id, bytesFrom: content.length, transfers: [] }])
  expect(await json(`${two!.page}/api/v1/cache`)).toMatchObject({
    peers: 1,
    copies: { [transfer]: { whole: 1, told: 1 } },
    transfers: [{ transfer, completedAt: expect.any(Number) }]
  })
  expect(peers[0]!.roundTripMs).toBeGreaterThan(0)
  expect(peers[0]!.downBytesPerSecond).toBeGreaterThan(0)

  const file = join(house.folder('bundle'), 'bundle.zip')
  const saved = await house.run(agentProgram, ['support-bundle', file, '--data', two!.folder])
  expect(saved.code).toBe(0)
  expect((await readFile(file)).subarray(0, 2).toString()).toBe('PK')

  await two!.stop()
  const again = await startAgent(house, 'looked-into-2 again', { folder: two!.folder, secret, peers: [one!] })
  await untilAllMet([one!, again])
  const { today } = await json<HistoryView>(`${again.page}/api/v1/history`)
  expect(today).toMatchObject({ lan: content.length, origin: 0, files: 1 })
  expect(kindsOf(await json<ChunkMap>(`${again.page}/api/v1/transfers/${transfer}/chunks`))).toEqual(
    new Set(['disk'])
  )
  const doctor = await house.run(agentProgram, ['doctor', '--data', again.folder])
  expect([doctor.code, doctor.stdout]).toEqual([0, expect.stringMatching(/ok +proxy +answered a request/)])
})
