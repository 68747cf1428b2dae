/**
 * TLS interception, for hosts that are listed and only for them: a client's CONNECT ends here, under a certificate of our own CA,
 * and its requests go the way of all others, so that what comes over https is shared and kept as well. Whoever does not
 * take our certificate gets a plain tunnel the next time, as he would have without us.
 *
 * The origin's certificate is checked by the upstream, as for all https that it asks for.
 */
import { hostname } from 'node:os'
import type { Duplex } from 'node:stream'
import { messageOf } from '@starling/shared/errors.ts'
import { dayMs, type Millis } from '@starling/shared/units.ts'
import type { Log } from '../log.ts'
import { isNeverIntercepted } from '@starling/shared/policy/never-intercepted.ts'
import type { ConnectTarget, InterceptPort, InterceptView, OpenedTls, TunnelledRequest } from '../ports.ts'
import { readCas, writeCas, type SecretFiles } from './ca-file.ts'
import { viewOf } from './ca-commands.ts'
import { makeCa, type Ca } from './certificates.ts'
import { createLeaves } from './leaves.ts'
import { caLookMs, originRestMs, silentEndMs } from './limits.ts'
import { createMisfits, type Place } from './misfits.ts'
import { caNamesOf, mayName } from './names.ts'
import { beginsLikeTls, failureOf, openTls } from './opening.ts'
import { fitsList, liveOf, signerFor, successorDue } from './renewal.ts'

export interface InterceptParts {
  readonly files: SecretFiles
  readonly log: Log
  /** Facts that outlive a restart. */
  recall(): Promise<unknown>
  remember(value: unknown): Promise<void>
  /** Something that people should look at. */
  problem(sentence: string): void
  readonly now?: () => Millis
}

export interface InterceptOptions {
  readonly caFile: string
  /** Whether a target is in the list. */
  isListed(hosts: readonly string[], host: string, port: number): boolean
  /** At first. */
  readonly hosts: readonly string[]
}

export interface Intercept extends InterceptPort {
  /** An origin has broken off the TLS handshake with us: its clients get their own. */
  originRefused(url: string, why: string): void
  view(): InterceptView
  /** Whoever is tunnelled for a while is intercepted again from his next connection on. @returns how many are forgotten */
  retry(which: TunnelledRequest): number
  /**
   * Reads the CAs again, and makes a successor when one is due. Runs by itself every ten minutes.
   * @throws StarlingError `ca-damaged`, and those of reading and writing a secret
   */
  look(): Promise<void>
  /**
   * These hosts are listed from now on. Connections that are open stay; what no CA may name is tunnelled, and people are told.
   * It resolves when they have been.
   */
  follow(hosts: readonly string[]): Promise<void>
  stop(): void
}

export async function createIntercept(parts: InterceptParts, options: InterceptOptions): Promise<Intercept> {
  const log = parts.log.child({ part: 'intercept' })
  const now = parts.now ?? Date.now
  const misfits = createMisfits(now, await parts.recall())
  const leafOf = createLeaves(now)
  /** Origins that want what only their own clients have, whoever asks. */
  const anyClient = ''
  let { hosts } = options
  let all: readonly Ca[] = []
  let told = ''
  let opened = 0
  let rejected = 0

  async function look(): Promise<void> {
    const read = await readCas(parts.files, options.caFile)
    // The very same objects, so that their leaves are kept.
    all = read.map(ca => all.find(known => known.certificatePem === ca.certificatePem) ?? ca)
    const signsFrom = successorDue(all, now())
    if (signsFrom !== null) {
      const made = await makeCa(caNamesOf(hosts), hostname(), { now: now(), signsFrom })
      all = [made, ...liveOf(all, now())]
      await writeCas(parts.files, options.caFile, all)
      log.info({ expiresAt: made.expiresAt }, 'a CA was made that follows the present one')
    }
    tell(problemOf())
  }

  function problemOf(): string | null {
    const [youngest] = liveOf(all, now())
    const day = (at: Millis): string => new Date(at).toISOString().slice(0, 10)
    if (youngest === undefined) {
      return all.length === 0
        ? 'TLS interception is on, but there is no CA: `starling ca init`, then deploy what `starling ca export` gives.'
        : 'The CA of TLS interception has expired, so https is tunnelled: `starling ca init`, then deploy what `starling ca export` gives.'
    }
    if (!fitsList(all, hosts, now())) {
      return 'intercept.hosts is not what the CA was made for; hosts that it may not name are tunnelled: `starling ca init`, then deploy what `starling ca export` gives.'
    }
    if (youngest.signsFrom > now())
      return `A new CA signs from ${day(youngest.signsFrom)} on: deploy what \`starling ca export\` gives before that.`
    if (youngest.expiresAt - now() < dayMs)
      return 'The CA of TLS interception expires within a day and has no successor: see the log, and run `starling ca init --now`.'
    return null
  }

  function tell(sentence: string | null): void {
    if (sentence !== null && sentence !== told) parts.problem(sentence)
    told = sentence ?? ''
  }

  function addMisfit(place: Place, why: string, restMs?: Millis): void {
    misfits.add(place, why, restMs)
    keep(place, why)
  }

  function keep(place: Place, why: string): void {
    log.info({ ...place, why }, 'TLS is tunnelled for a while')
    save()
  }

  function save(): void {
    parts.remember(misfits.list()).catch((error: unknown) => {
      log.warn({ problem: messageOf(error) }, 'who gets plain tunnels is forgotten when this agent stops')
    })
  }

  function leftSilently(place: Place): void {
    rejected++
    if (misfits.leftSilently(place)) keep(place, 'it leaves without a word')
  }

  const plain = (host: string): string => host.toLowerCase().replace(/\.$/, '')

  function placeOf({ host, port, client }: ConnectTarget): Place {
    return { host: plain(host), port, client: client ?? anyClient }
  }

  async function open(target: ConnectTarget, client: Duplex): Promise<OpenedTls | 'tunnel' | 'gone'> {
    const place = placeOf(target)
    const ca = signerFor(all, place.host, now())
    if (!(await beginsLikeTls(client)) || ca === null) return client.destroyed ? 'gone' : 'tunnel'
    const result = await openTls(client, await leafOf(ca, place.host))
    if (result.kind === 'failed') {
      if (result.isSilent) leftSilently(place)
      else {
        rejected++
        addMisfit(place, `the client broke off the TLS handshake (${result.why})`)
      }
      return 'gone'
    }
    opened++
    const { socket, protocol } = result
    const since = now()
    let hasSpoken = false
    // With TLS 1.3 a client may send its alert after the handshake has ended for us.
    socket.on('error', error => {
      const { why, isSilent } = failureOf(error)
      if (!hasSpoken && !isSilent) addMisfit(place, `the client broke off the TLS connection (${why})`)
    })
    socket.once('close', () => {
      if (!hasSpoken && now() - since < silentEndMs && !misfits.has(place)) leftSilently(place)
    })
    return {
      socket,
      protocol,
      host: place.host,
      port: place.port,
      client: target.client,
      heard() {
        if (!hasSpoken) misfits.spoke(place)
        hasSpoken = true
      },
      unfit: why => addMisfit(place, why)
    }
  }

  /** Whatever is wrong with the CA must not keep the rest of the agent from its work. */
  async function lookAfterAll(): Promise<void> {
    try {
      await look()
    } catch (error) {
      log.error({ problem: messageOf(error) }, 'the CA of TLS interception cannot be looked after')
      tell(`TLS is tunnelled, or intercepted by the CA of before: ${messageOf(error)}.`)
    }
  }

  await lookAfterAll()
  const timer = setInterval(() => void lookAfterAll(), caLookMs)
  timer.unref()

  return {
    wants(target) {
      const place = placeOf(target)
      return (
        options.isListed(hosts, place.host, place.port) &&
        !isNeverIntercepted(place.host) &&
        signerFor(all, place.host, now()) !== null &&
        !misfits.has(place) &&
        !misfits.has({ ...place, client: anyClient })
      )
    },
    open,
    originRefused(url, why) {
      const { protocol, hostname: host, port } = new URL(url)
      if (protocol !== 'https:' || !all.some(ca => mayName(ca.names, host))) return
      addMisfit({ host, port: Number(port || 443), client: anyClient }, `the origin: ${why}`, originRestMs)
    },
    view: () => ({
      hosts,
      authorities: liveOf(all, now()).map(viewOf),
      opened,
      rejected,
      tunnelled: misfits.list()
    }),
    retry({ host, client }) {
      const forgotten = misfits.forget({ host: host === undefined ? undefined : plain(host), client })
      if (forgotten > 0) save()
      return forgotten
    },
    look,
    async follow(next) {
      hosts = next
      await lookAfterAll()
    },
    stop: () => clearInterval(timer)
  }
}
