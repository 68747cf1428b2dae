/**
 * What only trying can tell of a configuration: whether its ports are free, and whether what it names can be reached. Part
 * of `starling config check`; an agent finds out by itself when it starts.
 */
import { connect, createServer, isIP } from 'node:net'
import { messageOf } from '@starling/shared/errors.ts'
import { secondMs, type Millis } from '@starling/shared/units.ts'
import {
  listenersOf,
  mirrorAddresses,
  placeOf,
  privateMirror,
  privateWsus,
  problemOf,
  type Listener
} from '../config-relations.ts'
import { valueAt, type ConfigReading } from '../config-sources.ts'
import { settings, type AgentConfig } from '../config.ts'
import type { ConfigProblem } from '../ports.ts'
import type { Services } from './services.ts'

/** On a LAN a handshake takes milliseconds; over a slow WAN some hundred. */
const connectWithinMs: Millis = 2 * secondMs

export interface PortProbe {
  readonly problems: readonly ConfigProblem[]
  /** Listeners whose port is taken by the very agent that this configuration is for. */
  readonly own: readonly string[]
}

/** @param running where the agent that runs on the folder listens; empty when none does */
export async function probePorts(reading: ConfigReading, running: readonly Listener[]): Promise<PortProbe> {
  const problems: ConfigProblem[] = []
  const own: string[] = []
  // Where a default stands for what could not be read, nobody is going to listen there.
  const isKnown = ({ name }: Listener): boolean =>
    !['host', 'port', 'enabled'].some(part => reading.unknown.has(`${name}.${part}`))
  for (const listener of listenersOf(reading.draft).filter(isKnown)) {
    const code = listener.port === 0 ? null : await bindProblem(listener)
    if (code === null) continue
    const holder = running.find(({ port }) => port === listener.port)
    if (code === 'EADDRINUSE' && holder !== undefined) {
      own.push(listener.name)
      if (holder.name === listener.name) continue
    }
    problems.push(portProblem(reading, listener, code, holder))
  }
  return { problems, own }
}

/** Null when one can listen there. */
function bindProblem({ host, port }: Listener): Promise<string | null> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? messageOf(error)))
    server.listen({ host, port, exclusive: true }, () => {
      server.close(() => resolve(null))
    })
  })
}

function portProblem(
  reading: ConfigReading,
  { name, host, port }: Listener,
  code: string,
  holder: Listener | undefined
): ConfigProblem {
  if (code === 'EADDRINUSE' && holder !== undefined) {
    const message = `port ${port} is in use by the running agent itself, as ${holder.name}.port: it is free only when that changes as well`
    return problemAt(reading, `${name}.port`, 'warning', message)
  }
  // The agent goes on without a cache host; without the others it does not start.
  const severity = name === 'cacheHost' ? 'warning' : 'error'
  switch (code) {
    case 'EADDRINUSE':
      return problemAt(
        reading,
        `${name}.port`,
        severity,
        `port ${port} is in use, by another program or an agent of another folder: ${whoListens(port)} tells which; stop it or choose another port`
      )
    case 'EADDRNOTAVAIL':
      return problemAt(
        reading,
        `${name}.host`,
        severity,
        `${host} is no address of this machine: give one that is, or 0.0.0.0 for all`
      )
    case 'EACCES':
      return problemAt(
        reading,
        `${name}.port`,
        'warning',
        `this user may not listen on port ${port}: see that the agent's user may, or choose a port from 1024 on`
      )
    default:
      return problemAt(
        reading,
        `${name}.port`,
        severity,
        `${host}:${port} cannot be listened on (${code}): choose another`
      )
  }
}

const whoListens = (port: number) =>
  process.platform === 'win32' ? `\`netstat -ano | findstr :${port}\`` : `\`ss -ltnp "sport = :${port}"\``

/**
 * Everything that is named by its URL, in whatever setting, is connected with; a WSUS and what mirrors stand for are also looked up, because many
 * have private addresses. Warnings only: what is down now may be up when it is needed.
 */
export async function probeUpstreams(
  reading: ConfigReading,
  { resolvedRefusal }: Pick<Services, 'resolvedRefusal'>
): Promise<ConfigProblem[]> {
  const { proxies, allowPrivate } = reading.draft.upstream
  const byProxy =
    proxies.length === 0 ? '' : ' directly; through upstream.proxies it may be, if they lead there'
  const reached = await Promise.all(
    placesIn(reading.draft).map(async ({ path, host, port }) => {
      const why = await connectProblem(host, port)
      const way = path === 'upstream.proxies' ? '' : byProxy
      return why === null
        ? []
        : [
            problemAt(
              reading,
              path,
              'warning',
              `${host}:${port} cannot be reached${way} (${why}): check the name, the port and the firewalls between`
            )
          ]
    })
  )
  return [...(await privateProblems(reading, allowPrivate, resolvedRefusal)), ...reached.flat()]
}

/** As it is written it was looked at already: here for what a name resolves to. */
async function privateProblems(
  reading: ConfigReading,
  allowPrivate: readonly string[],
  resolvedRefusal: Services['resolvedRefusal']
): Promise<ConfigProblem[]> {
  const { wsus } = reading.draft.proxy
  const asked = [
    ...(wsus === null ? [] : [{ url: wsus, finding: privateWsus }]),
    ...mirrorAddresses(reading.draft).map(({ url, part }) => ({
      url,
      finding: (refusal: string) => privateMirror(part, refusal)
    }))
  ]
  const found = await Promise.all(
    asked.map(async ({ url, finding }) => {
      const { host, port } = placeOf(url)
      if (isIP(host) !== 0) return []
      const refusal = await resolvedRefusal(allowPrivate, host, port).catch(() => null)
      return refusal === null ? [] : problemOf(reading, 'warning', finding(refusal))
    })
  )
  // A few names (localhost) are refused as they are written.
  return found.flat().filter(({ setting }) => !reading.problems.some(told => told.setting === setting))
}

interface Place {
  readonly host: string
  readonly port: number
}

/** Each place once a setting. */
function placesIn(config: AgentConfig): ReadonlyArray<Place & { readonly path: string }> {
  return settings.flatMap(({ path }) => {
    const places = new Map(
      textsIn(valueAt(config, path))
        .map(placeIn)
        .filter(place => place !== null)
        .map(place => [`${place.host}:${place.port}`, place])
    )
    return [...places.values()].map(place => ({ path, ...place }))
  })
}

function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : []
}

function placeIn(text: string): Place | null {
  const url = /^https?:\/\//i.test(text) ? URL.parse(text) : null
  return url === null || url.hostname === '' || url.hostname.includes('*') ? null : placeOf(url.href)
}

/** Null when somebody answers there. */
function connectProblem(host: string, port: number): Promise<string | null> {
  return new Promise(resolve => {
    const socket = connect({ host, port })
    const timer = setTimeout(
      () => settle(`no answer within ${connectWithinMs / secondMs} s`),
      connectWithinMs
    )
    const settle = (why: string | null): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve(why)
    }
    socket.once('connect', () => settle(null))
    socket.once('error', error => settle(messageOf(error)))
  })
}

function problemAt(
  { settings: shown }: ConfigReading,
  setting: string,
  severity: ConfigProblem['severity'],
  message: string
): ConfigProblem {
  const origin = shown.find(({ path }) => path === setting)?.origin
  return {
    severity,
    setting,
    origin: origin ?? { kind: 'default', name: '', line: null, column: null },
    message
  }
}
