import { readFile, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createCommandLine, type CommandLine } from '../../../test/doubles/command-line.ts'
import { filesIn } from '../config.ts'
import type { ConfigSetting } from '../ports.ts'

let line: CommandLine
const servers: Server[] = []
beforeEach(async () => {
  line = await createCommandLine()
})
afterEach(async () => {
  for (const server of servers.splice(0)) await new Promise(resolve => server.close(resolve))
  await line.close()
})

const write = (config: object | string, file = filesIn(line.folder).config) =>
  writeFile(file, typeof config === 'string' ? config : JSON.stringify(config))
const said = () => line.notes.join('\n')

async function takenPort(): Promise<number> {
  const server = createServer()
  servers.push(server)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}
/** None of them can be taken by something else on the machine of the test. */
const free = { host: '127.0.0.1', port: 0 }
const quiet = { listen: free, bulk: free, proxy: free, page: free }

describe('check', () => {
  it('has nothing to say of a good configuration', async () => {
    await write(quiet)
    expect(await line.run('config', 'check'), line.out.join('\n')).toBe(0)
    expect(line.out).toEqual([`${filesIn(line.folder).config}: no problems`])
  })

  it('tells each problem on a line of its own, in the order of the file, and fails', async () => {
    const file = join(line.folder, 'other.json')
    await write(
      '{\n  "quotaBytes": 3,\n  "cache": { "floorBytes": "plenty" },\n  "cacheHost": { "announce": true },\n  "role": "gateway",' +
        '\n  "listen": { "port": 0 }, "bulk": { "port": 0 }, "proxy": { "port": 0 }, "page": { "port": 0 }\n}',
      file
    )
    line.env.STARLING_SITE = 'no site'
    expect(await line.run('config', 'check', file)).toBe(1)
    expect(line.out).toEqual([
      `${file}:2:3  quotaBytes: no such setting; did you mean cache.quotaBytes?`,
      expect.stringContaining(
        `${file}:3:28  cache.floorBytes: "plenty" does not fit; give a size like 10GiB`
      ),
      expect.stringContaining(
        `${file}:4:30  warning: cacheHost.announce: announces a cache host that is not`
      ),
      expect.stringContaining('environment STARLING_SITE  site: "no site" does not fit')
    ])
    expect(said()).toBe('starling: 3 errors and 1 warning: an agent would not start with this')
    await line.run('config', 'check', file, '--json')
    expect(JSON.parse(line.out[0]!)).toMatchObject({
      ok: false,
      problems: [
        { severity: 'error', setting: 'quotaBytes', origin: { kind: 'file', line: 2, column: 3 } },
        {},
        {},
        {}
      ]
    })
  })

  it('holds no default against anybody whose file or entry could not be read', async () => {
    const port = await takenPort()
    line.env.STARLING_BULK_PORT = String(port)
    await write(`{ "page": { "port": ${port} }, "listen": { "port": ${port} `)
    expect(await line.run('config', 'check', '--offline')).toBe(1)
    // What the file may have said of the port's host is not known either.
    expect(line.out).toEqual([expect.stringMatching(/not JSON: the file ends too early/)])
    line.env.STARLING_BULK_HOST = '127.0.0.1'
    await line.run('config', 'check', '--offline')
    expect(line.out).toHaveLength(2)
    expect(line.out.join('\n')).toMatch(/bulk\.port: port \d+ is in use/)
    delete line.env.STARLING_BULK_HOST
    delete line.env.STARLING_BULK_PORT
    await write({ ...quiet, intercept: { enabled: true, hosts: ['a b'] } })
    await line.run('config', 'check', '--offline')
    expect(line.out).toEqual([expect.stringMatching(/intercept\.hosts\[0\]: "a b" does not fit/)])
  })

  it('fails for a file that is not there, unless it is the one that need not be', async () => {
    expect(await line.run('config', 'check', join(line.folder, 'none.json'))).toBe(1)
    expect(line.out[0]).toMatch(/none\.json {2}cannot be read/)
    for (const name of ['LISTEN', 'BULK', 'PROXY', 'PAGE']) line.env[`STARLING_${name}_PORT`] = '0'
    expect(await line.run('config', 'check')).toBe(0)
  })

  it('holds the upstream rules against what there is, and names the entry and its line', async () => {
    const upstream = {
      servers: [{ name: 'north', kind: 'proxy', url: 'http://p.example:3128', credentialsFile: 'north.txt' }],
      rules: [{ use: ['north'] }, { classes: ['window-update'], use: ['noth'] }]
    }
    await write(JSON.stringify({ ...quiet, upstream }, null, 2))
    expect(await line.run('config', 'check', '--offline')).toBe(1)
    const written = (await readFile(filesIn(line.folder).config, 'utf8')).split('\n')
    const place = (text: string) => {
      const index = written.findIndex(one => one.includes(text))
      return `:${index + 1}:${written[index]!.search(/"[^"]*",?$/) + 1}  `
    }
    expect(line.out.toSorted()).toEqual(
      [
        `${place('north.txt')}upstream.servers[0].credentialsFile: ${join(line.folder, 'north.txt')} is not there`,
        `${place('window-update')}upstream.rules[1].classes[0]: names window-update, which is no content class; did you mean windows-update?`,
        `${place('"noth"')}upstream.rules[1].use[0]: names noth, which is no server. There are: north`
      ].map(text => filesIn(line.folder).config + text)
    )
  })

  it('finds a port that is taken, which is an error but for the cache host', async () => {
    const port = await takenPort()
    await write({ ...quiet, proxy: { port } })
    expect(await line.run('config', 'check')).toBe(1)
    expect(line.out[0]).toMatch(
      new RegExp(`^\\S+:1:\\d+ {2}proxy\\.port: port ${port} is in use, by another program .*${port}`)
    )
    await write({ ...quiet, cacheHost: { enabled: true, port } })
    expect(await line.run('config', 'check')).toBe(0)
    expect(line.out[0]).toMatch(/warning: cacheHost\.port/)
    await write({ ...quiet, proxy: { host: '192.0.2.77', port: 17831, clients: ['10.0.0.0/8'] } })
    expect(await line.run('config', 'check')).toBe(1)
    expect(line.out[0]).toMatch(/proxy\.host: 192\.0\.2\.77 is no address of this machine/)
  })

  it('knows when it is the running agent itself that has the port', async () => {
    const port = await takenPort()
    const agent = await line.startAgent(`http://127.0.0.1:${port}`)
    await write({ ...quiet, proxy: { port } })
    expect(await line.run('config', 'check')).toBe(0)
    expect(said()).toBe('In use by the running agent itself: the ports of proxy.')
    expect(line.out[0]).toMatch(/no problems/)
    await write({ ...quiet, bulk: { host: '127.0.0.1', port } })
    expect(await line.run('config', 'check')).toBe(0)
    expect(line.out[0]).toMatch(/warning: bulk\.port: .*the running agent itself, as proxy\.port/)
    // What agent.json does not tell, the agent does.
    agent.configSettings = [
      {
        path: 'listen.port',
        value: port,
        origin: { kind: 'default', name: '', line: null, column: null }
      }
    ]
    const file = filesIn(line.folder).running
    await writeFile(file, (await readFile(file, 'utf8')).replace(`:${port}`, ':9'))
    await write({ ...quiet, listen: { host: '127.0.0.1', port } })
    expect(await line.run('config', 'check')).toBe(0)
    expect(said()).toMatch(/itself: the ports of listen/)
  })

  it('tries to reach what is named by a URL, unless it is told not to', async () => {
    const gone = await takenPort()
    await new Promise(resolve => servers.pop()!.close(resolve))
    const there = await takenPort()
    const proxies = [`http://me:hunter2@127.0.0.1:${gone}`, `http://127.0.0.1:${there}`]
    await write({ ...quiet, upstream: { proxies } })
    expect(await line.run('config', 'check')).toBe(0)
    expect(line.out.length).toBe(1)
    expect(line.out[0]).toMatch(
      new RegExp(`warning: upstream\\.proxies: 127\\.0\\.0\\.1:${gone} cannot be reached \\(.*ECONNREFUSED`)
    )
    expect(line.out[0]).not.toContain('hunter2')
    expect(await line.run('config', 'check', '--offline')).toBe(0)
    expect(line.out[0]).toMatch(/no problems/)
  })

  it('looks up whether a WSUS has a private address', async () => {
    line.services.resolvedRefusal = async (listed, host, port) =>
      listed.includes(host) ? null : `${host}:${port} is private`
    const wsus = `http://localhost:${await takenPort()}`
    await write({ ...quiet, proxy: { ...free, wsus }, upstream: { allowPrivate: ['127.0.0.1'] } })
    await line.run('config', 'check')
    expect(line.out[0]).toMatch(
      /warning: proxy\.wsus: its updates would be refused: localhost:\d+ is private/
    )
    await write({
      ...quiet,
      proxy: { ...free, wsus },
      upstream: { allowPrivate: ['localhost', '127.0.0.1'] }
    })
    await line.run('config', 'check')
    expect(line.out[0]).toMatch(/no problems/)
  })

  it('looks up whether a mirror stands for a private address', async () => {
    line.services.resolvedRefusal = async (listed, host, port) =>
      listed.includes(host) ? null : `${host}:${port} is private`
    const mirrors = [{ name: 'npm', kind: 'npm', upstream: `http://localhost:${await takenPort()}/` }]
    await write({ ...quiet, mirrors, upstream: { allowPrivate: ['127.0.0.1'] } })
    await line.run('config', 'check')
    expect(line.out).toEqual([
      expect.stringMatching(/warning: mirrors\[0\]\.upstream: .* would be refused: localhost:\d+ is private$/)
    ])
    await write({ ...quiet, mirrors, upstream: { allowPrivate: ['localhost', '127.0.0.1'] } })
    await line.run('config', 'check')
    expect(line.out[0]).toMatch(/no problems/)
  })
})

describe('show', () => {
  it('tells what is set and where, and with --effective the rest, without secrets', async () => {
    await write(
      '{\n  "cache": { "quotaBytes": "1GiB" },\n  "upstream": { "proxies": ["http://me:pw@proxy:3128"] }\n}'
    )
    line.env.STARLING_MDNS = 'off'
    line.env.STARLING_TICKET = 'STARLING1-hunter2'
    expect(await line.run('config', 'show')).toBe(0)
    const text = line.out.join('\n')
    const file = filesIn(line.folder).config
    expect(text).toMatch(/^SETTING +VALUE +FROM$/m)
    expect(text).toMatch(new RegExp(`^cache\\.quotaBytes +1GiB +${file}:2:28$`, 'm'))
    expect(text).toMatch(/^mdns +off +environment STARLING_MDNS$/m)
    expect(text).toMatch(/^ticket +\(set\) +environment STARLING_TICKET$/m)
    expect(text).toContain('http://(...)@proxy:3128')
    expect(text).not.toMatch(/hunter2|pw@|logLevel/)
    expect(said()).toMatch(/No agent runs/)
    await line.run('config', 'show', '--effective')
    expect(line.out.join('\n')).toMatch(/^logLevel +info +default$/m)
    await line.run('config', 'show', '--json', '--effective')
    expect(
      (JSON.parse(line.out[0]!) as ConfigSetting[]).find(({ path }) => path === 'cache.quotaBytes')
    ).toEqual({
      path: 'cache.quotaBytes',
      value: 2 ** 30,
      origin: { kind: 'file', name: file, line: 2, column: 28 }
    })
  })

  it('asks the agent that runs: it may have been started with more', async () => {
    const page = await line.startAgent()
    page.configSettings = [
      {
        path: 'site',
        value: 'north',
        origin: { kind: 'command line', name: '--site', line: null, column: null }
      }
    ]
    await write({ site: 'south' })
    expect(await line.run('config', 'show')).toBe(0)
    expect(line.out.join('\n')).toMatch(/^site +north +command line --site$/m)
    expect(said()).toMatch(/In force in the running agent/)
  })
})

describe('reload', () => {
  it('tells what was taken over and what waits, and fails when it was refused', async () => {
    expect(await line.run('config', 'reload')).toBe(1)
    expect(said()).toMatch(/no agent runs/)
    const page = await line.startAgent()
    page.configReload = { problems: [], taken: ['logLevel'], waiting: ['role', 'site'] }
    expect(await line.run('config', 'reload')).toBe(0)
    expect(line.out).toEqual(['in force now: logLevel', 'takes effect at the next start: role, site'])
    const origin = { kind: 'file', name: 'config.json', line: 1, column: 2 } as const
    page.configReload = {
      problems: [{ severity: 'error', setting: 'site', origin, message: 'odd' }],
      taken: [],
      waiting: []
    }
    expect(await line.run('config', 'reload')).toBe(1)
    expect(line.out).toEqual(['config.json:1:2  site: odd'])
    expect(said()).toMatch(/from before stays in force/)
  })
})
