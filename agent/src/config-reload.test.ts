import { describe, expect, it, vi } from 'vitest'
import { createLiveConfig } from './config-reload.ts'
import type { ConfigReading } from './config-sources.ts'
import { takeOver } from './config-live.ts'
import { agentConfig, settings, type AgentConfig } from './config.ts'
import { createLog } from './log.ts'
import type { ConfigProblem } from './ports.ts'

type Given = NonNullable<Parameters<typeof agentConfig>[1]>
const made = (given: Given) => agentConfig('/nowhere', given)
const log = createLog('silent', 'test')

const problem = (severity: ConfigProblem['severity'], message: string): ConfigProblem => ({
  severity,
  setting: 'site',
  origin: { kind: 'file', name: 'config.json', line: 3, column: 5 },
  message
})
const reading = (given: Given, problems: readonly ConfigProblem[] = []): ConfigReading => ({
  dataFolder: '/nowhere',
  file: 'config.json',
  draft: made(given),
  problems,
  settings: settings.map(({ path }) => ({
    path,
    value: JSON.stringify(given),
    origin: { kind: 'default', name: '', line: null, column: null }
  })),
  unknown: new Set(),
  partAt: () => null
})

function begin(given: Given, apply: (config: AgentConfig) => void = () => {}) {
  let next = reading(given)
  const applied = vi.fn<(config: AgentConfig) => void>(apply)
  const live = createLiveConfig(made(given), { first: next, read: async () => next }, { log, apply: applied })
  return {
    live,
    applied,
    change: (changed: Given, problems: readonly ConfigProblem[] = []) => {
      next = reading(changed, problems)
      return live.reload()
    }
  }
}

describe('a changed configuration', () => {
  it('is in force as far as it can be, and the rest is named', async () => {
    const { live, applied, change } = begin({ policy: { uploadSlots: 4 } })
    const result = await change({ policy: { uploadSlots: 2 }, role: 'gateway', proxy: { port: 1 } })
    expect(result).toEqual({ problems: [], taken: ['policy.uploadSlots'], waiting: ['proxy.port', 'role'] })
    expect(live.now()).toEqual(made({ policy: { uploadSlots: 2 } }))
    expect(applied).toHaveBeenCalledExactlyOnceWith(live.now(), made({ policy: { uploadSlots: 4 } }))
    expect(live.problems()).toEqual(['Takes effect at the next start: proxy.port, role.'])
    // What is shown of what waits is what it was started with.
    expect(live.settings().find(({ path }) => path === 'role')!.value).not.toContain('gateway')
    await change({ policy: { uploadSlots: 2 } })
    expect(live.problems()).toEqual([])
  })

  it('waits for whoever said it, and for whoever says it no longer', async () => {
    const said = (given: Given, kind: 'coordinator' | 'default'): ConfigReading => ({
      ...reading(given),
      settings: settings.map(({ path }) => ({
        path,
        value: null,
        origin: { kind: path === 'page.port' ? kind : 'default', name: '', line: null, column: null }
      }))
    })
    const [without, with_] = [said({}, 'default'), said({ page: { port: 1 } }, 'coordinator')]
    for (const [first, next] of [
      [without, with_],
      [with_, without]
    ] as const) {
      const source = { first, read: () => Promise.resolve(next) }
      const live = createLiveConfig(first.draft, source, { log, apply() {} })
      expect(live.waitsFor('coordinator')).toBe(false)
      await live.reload()
      expect([live.waitsFor('coordinator'), live.waitsFor('file')]).toEqual([true, false])
    }
  })

  it('is refused as a whole when something is wrong with it, and says so until it is mended', async () => {
    const { live, applied, change } = begin({})
    const wrong = [problem('error', 'no such site'), problem('warning', 'odd')]
    expect(await change({ policy: { uploadSlots: 2 } }, wrong)).toMatchObject({ taken: [], problems: wrong })
    expect(applied).not.toHaveBeenCalled()
    expect(live.now()).toEqual(made({}))
    expect(live.problems()).toEqual([
      'The changed configuration cannot be used; the one from before stays in force:',
      'config.json:3:5  site: no such site'
    ])
    expect((await change({ policy: { uploadSlots: 2 } })).taken).toEqual(['policy.uploadSlots'])
    expect(live.problems()).toEqual([])
  })

  it('is refused as well when a part of the agent does not take it, and what was taken is taken back', async () => {
    const { live, applied, change } = begin({}, ({ policy }) => {
      if (policy.uploadSlots === 2) throw new Error('not two')
    })
    const { problems } = await change({ policy: { uploadSlots: 2 } })
    expect(problems).toMatchObject([{ severity: 'error', message: 'not two' }])
    expect(applied).toHaveBeenLastCalledWith(made({}), made({ policy: { uploadSlots: 2 } }))
    expect(live.now()).toEqual(made({}))
  })

  it('may be used with a warning, which is shown as long as it holds', async () => {
    const { live, change } = begin({})
    await change({ policy: { uploadSlots: 2 } }, [problem('warning', 'odd')])
    expect(live.now().policy.uploadSlots).toBe(2)
    expect(live.problems()).toEqual(['config.json:3:5  warning: site: odd'])
    await change({})
    expect(live.problems()).toEqual([])
  })

  it('of an agent that a program set up is none', async () => {
    const live = createLiveConfig(made({}), null, { log, apply: () => {} })
    await expect(live.reload()).rejects.toMatchObject({ code: 'config-fixed' })
    expect(() => live.settings()).toThrow(/another program/)
    expect(live.problems()).toEqual([])
  })
})

describe('what a running agent takes over', () => {
  it('leaves what did not change the very same', () => {
    const running = made({ proxy: { clients: ['10.0.0.0/8'] } })
    const { config } = takeOver(running, made({ proxy: { clients: ['10.0.0.0/8'] }, logLevel: 'debug' }))
    expect(config.contentClasses).toBe(running.contentClasses)
    expect(config.proxy).toBe(running.proxy)
    expect(config.logLevel).toBe('debug')
  })

  it('is all of these', () => {
    const own = {
      id: 'hub',
      hosts: ['*.models.example'],
      paths: ['/{sha256}'],
      key: 'address',
      rangeFirst: false
    }
    const next = made({
      policy: { upstreamSlots: 1 },
      logLevel: 'warn',
      proxy: {
        limits: { connections: 7 },
        clients: ['10.0.0.1'],
        wsus: 'http://wsus',
        pacHosts: ['a.example'],
        connectPorts: ['8443']
      },
      cacheHost: { origins: ['b.example'] },
      contentClasses: [own as never],
      upstream: { allowPrivate: ['wsus'], proxies: ['http://proxy.example:3128'], hedgeMsMin: 7 },
      accessLog: { enabled: 'on', files: 3 },
      intercept: { hosts: ['updates.example'] },
      staticPeers: ['/ip4/192.0.2.7/tcp/17830']
    })
    const { config, waiting } = takeOver(made({}), next)
    expect(waiting).toEqual([])
    expect(config).toEqual(next)
  })

  it('are more static peers, not fewer: who is dialled stays so', () => {
    const [a, b] = ['/ip4/192.0.2.7/tcp/17830', '/ip4/192.0.2.8/tcp/17830']
    expect(takeOver(made({ staticPeers: [a] }), made({ staticPeers: [b, a] })).taken).toEqual(['staticPeers'])
    expect(takeOver(made({ staticPeers: [a, b] }), made({ staticPeers: [a] })).waiting).toEqual([
      'staticPeers'
    ])
  })

  it('is what a client may take, but not how long a head may be', () => {
    const next = made({ proxy: { limits: { bytesPerDay: 7, headerBytes: 10_000 } } })
    expect(takeOver(made({}), next)).toMatchObject({
      taken: ['proxy.limits.bytesPerDay'],
      waiting: ['proxy.limits.headerBytes']
    })
  })

  it('is not whether TLS is opened, how much is kept of small things and where, who may sign, and what listens where', () => {
    const next = made({
      intercept: { enabled: true, hosts: ['updates.example'] },
      cache: { smallQuotaBytes: 7 * 1024 * 1024 },
      page: { port: 1 },
      site: 'north',
      membersMaySign: false,
      policy: { DOModifyCacheDrive: '/elsewhere' }
    })
    expect(takeOver(made({}), next)).toMatchObject({
      taken: ['intercept.hosts'],
      waiting: expect.arrayContaining([
        'intercept.enabled',
        'cache.smallQuotaBytes',
        'page.port',
        'site',
        'membersMaySign',
        'policy.DOModifyCacheDrive'
      ]) as unknown
    })
  })

  it('is no other fleet', () => {
    const secret = (byte: number) => agentConfig('/nowhere', {}, new Uint8Array(32).fill(byte))
    expect(takeOver(secret(1), secret(2)).waiting).toEqual(['fleet secret'])
  })
})

it('the level of a log holds for its parts, which were made before it changed', () => {
  const whole = createLog('info', 'test')
  const part = whole.child({ part: 'proxy' })
  const inner = part.child({ part: 'inner' })
  whole.level = 'silent'
  expect([whole, part, inner].map(({ level }) => level)).toEqual(['silent', 'silent', 'silent'])
})
