import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { connect, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createServer } from 'node:tls'
import { promisify } from 'node:util'
import { createLeafMaker, makeCa } from '@starling/agent/intercept/certificates.ts'
import { MiB } from '@starling/shared/units.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { seededContent, sha256Of } from '../doubles/content.ts'
import { startOrigin, type Origin } from '../doubles/origin.ts'
import { openHouse } from './harness.ts'
import { agentProgram, bytesOf, fleetSecret, startAgent, untilAllMet, type AgentHandle } from './site.ts'

/** Interception as an admin sets it up: `ca init`, `ca export`, clients that trust what came of it (curl, by h2 and HTTP/1.1). */
const house = openHouse()
let origin: Origin
/** The origin's TLS, before the origin itself, and whom its certificate is from. */
let port: number
let originCa: string
const run = promisify(execFile)

beforeAll(async () => {
  origin = await startOrigin()
  house.keep(() => origin.close())
  const now = Date.now()
  const ca = await makeCa({ permitted: ['localhost'], excluded: [] }, 'origins', { now, signsFrom: now })
  const { key, cert } = await (await createLeafMaker(ca))('localhost', now)
  const plain = Number(new URL(origin.url).port)
  const server = createServer({ key, cert }, socket => {
    const inner = connect(plain, '127.0.0.1')
    for (const one of [socket, inner]) one.on('error', () => {})
    socket.once('close', () => inner.destroy())
    inner.once('close', () => socket.destroy())
    socket.pipe(inner).pipe(socket)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  house.keep(() => void server.close())
  port = (server.address() as AddressInfo).port
  originCa = join(house.folder('origin'), 'ca.pem')
  await writeFile(originCa, ca.certificatePem)
})
afterAll(() => house.close())

interface Site {
  readonly agent: AgentHandle
  /** Of its own CA. */
  readonly certificate: string
}

async function start(name: string, secret: string, peers: readonly AgentHandle[]): Promise<Site> {
  const folder = house.folder(name)
  const env = {
    STARLING_INTERCEPT_ENABLED: 'on',
    STARLING_INTERCEPT_HOSTS: `localhost:${port}`,
    STARLING_PROXY_CONNECT_PORTS: String(port),
    STARLING_UPSTREAM_ALLOW_PRIVATE: 'localhost,127.0.0.0/8,::1',
    NODE_EXTRA_CA_CERTS: originCa
  }
  const certificate = join(folder, 'export', 'ca.pem')
  for (const command of [['init'], ['export', certificate]]) {
    const { code, stderr } = await house.run(agentProgram, ['ca', ...command, '--data', folder], env)
    expect([command[0], code, stderr]).toEqual([command[0], 0, expect.anything()])
  }
  const agent = await startAgent(house, name, { folder, secret, peers, env })
  return { agent, certificate }
}

async function curl({ agent }: Site, path: string, ...more: readonly string[]): Promise<Buffer> {
  const { stdout } = await run(
    'curl',
    ['-sS', '--fail', '-x', agent.proxy, ...more, `https://localhost:${port}${path}`],
    { encoding: 'buffer', maxBuffer: 256 * MiB }
  )
  return stdout
}

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

test('what clients get over https crosses the WAN once for two agents, byte for byte', async () => {
  const content = seededContent('over tls', 24 * MiB + 77)
  origin.put('/secure.iso', content)
  const secret = fleetSecret()
  const first = await start('one', secret, [])
  const second = await start('two', secret, [first.agent])
  await untilAllMet([first.agent, second.agent])

  const [one, two] = await Promise.all([
    curl(first, '/secure.iso', '--cacert', first.certificate, '--http2'),
    curl(second, '/secure.iso', '--cacert', second.certificate, '--http1.1')
  ])
  const expected = await sha256Of(content)
  expect([sha256(one), sha256(two)]).toEqual([expected, expected])
  // An extent more at the most, when both begin in the same moment.
  expect(origin.stats('/secure.iso').bodyBytes).toBeLessThanOrEqual(content.length + 4 * MiB)
  const bytes = await Promise.all([first, second].map(({ agent }) => bytesOf(agent, '/secure.iso')))
  expect(bytes.reduce((sum, { fromPeers }) => sum + fromPeers, 0)).toBeGreaterThan(content.length / 2)
  const { key } = (await first.agent.transfers()).find(one => one.key.endsWith('/secure.iso'))!
  expect(key).toBe(`https://localhost:${port}/secure.iso`)

  // A client without our CA is refused by nobody but itself, and has the origin's own certificate the next time.
  await expect(curl(first, '/secure.iso', '--cacert', originCa)).rejects.toThrow(/certificate/)
  expect(sha256(await curl(first, '/secure.iso', '--cacert', originCa))).toBe(expected)
  const { intercept } = await first.agent.status()
  expect(intercept).toMatchObject({ opened: 1, rejected: 1, tunnelled: [{ host: 'localhost', port }] })
})
