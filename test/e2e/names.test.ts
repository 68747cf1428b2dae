/**
 * One client asks for 10,000 hosts whose names nobody answers for, as a scanner or a broken program does, and another one for a
 * host that is there. The names are those of a server of our own: the agent runs in a mount namespace with a resolv.conf of its own.
 */
import { spawnSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { secondMs, type Millis } from '@starling/shared/units.ts'
import { afterAll, expect, test } from 'vitest'
import { seededContent } from '../doubles/content.ts'
import { startOrigin } from '../doubles/origin.ts'
import { download } from './client.ts'
import { openHouse } from './harness.ts'
import { houseRoot, untilReady } from './program.ts'
import { agentProgram, poll } from './site.ts'

const canHide = process.platform === 'linux' && spawnSync('unshare', ['-m', 'true']).status === 0
if (!canHide) console.warn('\nSKIPPED, fair look-ups of names: needs Linux, root and unshare (util-linux)\n')

const house = openHouse()
afterAll(() => house.close())

const server = '127.77.0.53'
const there = 'files.there.example'
/** How long the system waits for an answer. */
const deadMs: Millis = 10 * secondMs

/** Knows one name, and says nothing to those who ask for another. */
async function startNames(): Promise<{ readonly asked: Set<string> }> {
  const asked = new Set<string>()
  const socket = createSocket('udp4')
  socket.on('message', (query, from) => {
    const labels: string[] = []
    let at = 12
    for (; query[at] !== 0; at += 1 + query[at]!)
      labels.push(query.toString('latin1', at + 1, at + 1 + query[at]!))
    const name = labels.join('.')
    asked.add(name)
    if (name !== there) return
    const question = query.subarray(12, at + 5)
    const isIpv4 = query.readUInt16BE(at + 1) === 1
    const head = Buffer.from([query[0]!, query[1]!, 0x81, 0x80, 0, 1, 0, isIpv4 ? 1 : 0, 0, 0, 0, 0])
    const answer = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1])
    socket.send(Buffer.concat([head, question, ...(isIpv4 ? [answer] : [])]), from.port, from.address)
  })
  socket.bind(53, server)
  await once(socket, 'listening')
  house.keep(() => void socket.close())
  return { asked }
}

async function startAgentWithNames(): Promise<string> {
  const folder = house.folder('names')
  const file = join(folder, 'resolv.conf')
  await writeFile(file, `nameserver ${server}\noptions timeout:${deadMs / secondMs} attempts:1\n`)
  const ports = ['listen', 'bulk', 'proxy', 'page'].flatMap(part => [`--${part}-port`, '0'])
  const program = house.beginOther('names', 'unshare', [
    '-m',
    'sh',
    '-c',
    'mount --bind "$0" /etc/resolv.conf && exec "$@"',
    file,
    process.execPath,
    join(houseRoot, agentProgram),
    'run',
    '--data',
    folder,
    '--json',
    '--mdns',
    'off',
    '--listen-host',
    '127.0.0.1',
    '--upstream-allow-private',
    '127.0.0.0/8',
    '--proxy-limits-local',
    'on',
    ...ports
  ])
  return String((await untilReady(program)).ready.proxy)
}

/** On few connections, from an address of its own. */
function askForDeadHosts(proxy: string, count: number): void {
  const { hostname, port } = new URL(proxy)
  const connections = 20
  for (let one = 0; one < connections; one++) {
    const socket = connect({ host: hostname, port: Number(port), localAddress: '127.0.0.2' })
    socket.on('error', () => {}).resume()
    house.keep(() => void socket.destroy())
    for (let each = one; each < count; each += connections)
      socket.write(`GET http://dead-${each}.example/ HTTP/1.1\r\nhost: x\r\n\r\n`)
  }
}

test.skipIf(!canHide)(
  'a client that asks for 10,000 hosts does not delay the request of another',
  async () => {
    const origin = await startOrigin()
    house.keep(() => origin.close())
    origin.put('/a.txt', seededContent('names', 1000))
    const names = await startNames()
    const proxy = await startAgentWithNames()
    askForDeadHosts(proxy, 10_000)
    await poll(
      deadMs,
      async () => names.asked.size,
      size => size >= 4
    )

    const signal = AbortSignal.timeout(6 * deadMs)
    const { status, ms } = await download(proxy, `http://${there}:${new URL(origin.url).port}/a.txt`, {
      signal
    })
    expect(status).toBe(200)
    expect(ms).toBeLessThan(deadMs / 2)
    expect(names.asked.size).toBeLessThan(100)
  },
  60_000
)
