/**
 * The composition root: makes the shells, hands them to each other, starts them in order and stops them in reverse. The
 * only file that knows everything; it decides nothing.
 */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { hostname, totalmem } from 'node:os'
import { resolve } from 'node:path'
import { getCACertificates } from 'node:tls'
import { cacheHostAllows } from '@starling/shared/content-classes/cache-host.ts'
import { recognise } from '@starling/shared/content-classes/recognise.ts'
import type { Role } from '@starling/shared/credential.ts'
import { messageOf, StarlingError } from '@starling/shared/errors.ts'
import { headLifeMs } from '@starling/shared/http-sharing.ts'
import type { AgentId, SiteId } from '@starling/shared/ids.ts'
import { effectivePolicy } from '@starling/shared/policy/effective.ts'
import { nothingMeasured, unknownHost } from '@starling/shared/policy/host-facts.ts'
import { hash32 } from '@starling/shared/prng.ts'
import { isOf, targetOf } from '@starling/shared/purge.ts'
import { parseTicket } from '@starling/shared/ticket.ts'
import { minuteMs, type Bytes, type Millis } from '@starling/shared/units.ts'
import type { SwarmMessage } from '@starling/shared/wire.ts'
import { createAccessLog } from './access-log/access-log.ts'
import { configOf, type ConfigSources } from './config-sources.ts'
import { createBulkTls } from './bulk/bulk-tls.ts'
import { readCheckedConfig } from './config-checked.ts'
import { gatewayWithSecret } from './config-relations.ts'
import { configSource, createLiveConfig, type ConfigSource } from './config-reload.ts'
import { watchFile } from './config-watch.ts'
import { changesOf, shownConfig } from './config-changes.ts'
import { filesIn, type AgentConfig } from './config.ts'
import { policyOf } from './config-policy.ts'
import { createCoordinatorLink, type CoordinatorLink, type Member } from './coordinator-link/link.ts'
import { machineName } from './coordinator-link/machine-name.ts'
import { createAgentCore, type AgentCoreInit } from './core/agent.ts'
import type { AgentEvent, CorePolicy } from './core/events.ts'
import { chooseNeighbours } from './core/neighbours.ts'
import { fleetReport } from './fleet-report.ts'
import { createFlows } from './flows/flows.ts'
import { createIntercept, type Intercept } from './intercept/intercept.ts'
import { watchUpstream } from './intercept/watch-upstream.ts'
import { createTlsIdentity } from './identity/certificate.ts'
import { loadOrCreateIdentity } from './identity/keys.ts'
import { readSecretFile, writeSecretFile } from './identity/secret-file.ts'
import { parseFleetSecret } from './identity/secret.ts'
import { verifyCredential, verifyRevocationList } from './identity/signatures.ts'
import { createSigner } from './identity/signer.ts'
import { agentIdOfSocket, dialAgent, identityServerOptions } from './identity/tls.ts'
import { createTrust } from './identity/trust.ts'
import type { Log } from './log.ts'
import { createPage } from './page/page.ts'
import { createPeerBytes } from './peer-bytes.ts'
import { createPeers } from './peers/peers.ts'
import type { AgentStatus, PeersPort, StoreUsage } from './ports.ts'
import { isListedOrigin } from './proxy/cache-host-origins.ts'
import { createRedirectCheck } from './proxy/filters.ts'
import { isListed } from './proxy/host-patterns.ts'
import { openCacheDisk, type CacheDisk } from './proxy/http-cache/disk.ts'
import { createHttpCache } from './proxy/http-cache/http-cache.ts'
import { createProxy, type Proxy } from './proxy/http-proxy.ts'
import { createPurging } from './purging.ts'
import { createReporter } from './report.ts'
import { run } from './run.ts'
import { createStore } from './store/store.ts'
import { traced, traceTo, type Trace } from './trace.ts'
import { upstreamCredentials } from './upstream-credentials.ts'
import { upstreamRefusal } from './upstream/address-check.ts'
import { createUpstream } from './upstream/upstream.ts'
import { diskLookBusyMs, watchDisk } from './watch-disk.ts'

export interface Agent {
  readonly id: AgentId
  readonly site: SiteId
  readonly role: Role
  /** `http://127.0.0.1:17831` */
  readonly proxyAddress: string
  readonly pageAddress: string
  status(): Promise<AgentStatus>
  stop(): Promise<void>
}

/** Names under which the store remembers what is not about content. */
const remembered = {
  bans: 'bans',
  trust: 'trust',
  clientBytes: 'client-bytes',
  config: 'config',
  tunnelled: 'tunnelled'
} as const

/**
 * An agent as `starling run` has it: its configuration is checked, and taken over anew when it changes.
 * @throws StarlingError as createAgent
 */
export async function createAgentFrom(
  sources: ConfigSources,
  { log }: { readonly log: Log }
): Promise<Agent> {
  const secrets = { readFile: readSecretFile, parse: parseFleetSecret }
  const source = await configSource(one => readCheckedConfig(one, secrets, upstreamRefusal), sources)
  return await createAgent(configOf(source.first), { log, source })
}

/**
 * @param source where the configuration came from and is read again; without one it stays as it is
 * @throws StarlingError; what was already started is stopped again then
 */
export async function createAgent(
  config: AgentConfig,
  { log, source = null }: { readonly log: Log; readonly source?: ConfigSource | null }
): Promise<Agent> {
  const undo: Array<() => Promise<unknown> | void> = []
  const stop = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) {
      try {
        await step()
      } catch (error) {
        log.error({ problem: messageOf(error) }, 'a part did not stop as it should')
      }
    }
  }
  try {
    return await start(config, log, source, undo, stop)
  } catch (error) {
    await stop()
    throw error
  }
}

async function start(
  config: AgentConfig,
  log: Log,
  source: ConfigSource | null,
  undo: Array<() => Promise<unknown> | void>,
  stop: () => Promise<void>
): Promise<Agent> {
  const powerless = gatewayWithSecret(config)
  if (powerless !== null) throw new StarlingError('bad-config', powerless)
  const live = createLiveConfig(config, source, { log, apply: applyConfig })
  const classes = () => live.now().contentClasses
  const startedAt = Date.now()
  const version = await ownVersion()
  const store = await createStore(
    { log },
    {
      folder: config.dataFolder,
      quotaBytes: config.cache.quotaBytes,
      floorBytes: config.cache.floorBytes
    }
  )
  undo.push(() => store.close())
  const identity = await loadOrCreateIdentity(config.dataFolder)
  const self = identity.agentId

  const trust = createTrust({
    self,
    clock: Date.now,
    membersMaySign: config.membersMaySign,
    fleetSecret: config.fleetSecret === null ? null : { secret: config.fleetSecret, site: config.site }
  })
  trust.restore(await store.recall(remembered.trust))

  // The link is asked before there are peers: what they are called and whether they may be met depends on its answer.
  let peers: PeersPort | null = null
  const tls = await createTlsIdentity(identity)
  let link: CoordinatorLink | null = null
  let member: Member | null = null
  const problem = (sentence: string): void => {
    reporter.problem(sentence)
  }
  const bans = bansOf(await store.recall(remembered.bans))
  const reporter = createReporter({
    log,
    now: Date.now,
    bans,
    bansChanged: () => {
      void store.remember(remembered.bans, reporter.bans())
    }
  })
  if (config.fleetSecret === null) {
    link = createCoordinatorLink(
      {
        identity: {
          agentId: self,
          readFile: readSecretFile,
          writeFile: writeSecretFile,
          verifyCredential,
          verifyRevocationList,
          dial: ({ host, port, expected }) => dialAgent({ host, port, expected, tls })
        },
        trust,
        peers: {
          hint: hints => {
            peers?.hint(hints)
          },
          forbid: (agents, reason) => {
            peers?.forbid(agents, reason)
          },
          hangUp: (peer, reason) => {
            peers?.hangUp(peer, reason)
          },
          list: () => peers?.list() ?? [],
          addresses: () => peers?.addresses() ?? []
        },
        purges: {
          version: fleet => purging.version(fleet),
          take: (fleet, purges, to) => {
            for (const { target } of purges)
              accessLog.audit({ who: fleet, what: 'purge', detail: { target } })
            return purging.fromCoordinator(fleet, purges, to)
          }
        },
        machine: machineName,
        report: () =>
          fleetReport({
            hostName: hostname(),
            platform: process.platform,
            totals: flows.totals(),
            answers: proxy?.tally().answers ?? null,
            failedTransfers,
            refusals: network.refusals(),
            signs: network.signs(),
            mdns: config.mdns,
            peers: network.list().length,
            stored: store.list(),
            views: flows.views(),
            disk: diskSeen,
            host: { ...unknownHost, ramBytes: totalmem() },
            clockOffsetMs: trust.now() - Date.now()
          }),
        log
      },
      {
        dataFolder: config.dataFolder,
        ticket: config.ticket,
        version,
        onMember(now) {
          const changed = peers !== null && (now.site !== site || now.role !== role)
          member = now
          if (changed)
            problem(
              `The coordinator moved this agent to site ${now.site} as ${now.role}: restart it to take that up.`
            )
        }
      }
    )
    member = await link.prepare()
  }
  // While no coordinator answers, the ticket knows where this agent belongs.
  const ticketSite = config.ticket === null ? null : parseTicket(config.ticket).site
  const site = member?.site ?? ticketSite ?? config.site
  const role = member?.role ?? config.role

  const accessLog = createAccessLog(
    { log },
    {
      ...config.accessLog,
      folder: filesIn(config.dataFolder).logs,
      requests: config.accessLog.enabled === 'auto' ? role === 'gateway' : config.accessLog.enabled === 'on'
    }
  )
  undo.push(() => accessLog.close())
  const shown = shownConfig(config)
  const changed = changesOf(await store.recall(remembered.config), shown)
  if (changed !== null) accessLog.audit({ who: 'start', what: 'config', detail: changed })
  await store.remember(remembered.config, shown)

  const intercept = config.intercept.enabled ? await startIntercept() : null
  undo.push(() => intercept?.stop())
  let mayFollow = createRedirectCheck(config.proxy.rules)
  const asking = createUpstream(
    { log },
    {
      ...config.upstream,
      ca: intercept === null ? [] : systemCas(),
      mayFollow: url => mayFollow(url),
      credentials: await upstreamCredentials(config, readSecretFile),
      recognise: url => recognise(url, classes())
    }
  )
  const upstream = watchUpstream(asking, (url, why) => intercept?.originRefused(url, why))
  undo.push(() => upstream.close())

  async function startIntercept(): Promise<Intercept> {
    const { hosts } = config.intercept
    return await createIntercept(
      {
        files: { read: readSecretFile, write: writeSecretFile },
        recall: () => store.recall(remembered.tunnelled),
        remember: value => store.remember(remembered.tunnelled, value),
        problem,
        log
      },
      {
        caFile: filesIn(config.dataFolder).interceptCa,
        hosts,
        isListed: (host, port) => isListed(hosts, host, port, 443)
      }
    )
  }

  const bulk = await createBulkTls(
    {
      dial: to => dialAgent({ ...to, tls }),
      serverOptions: alpn => identityServerOptions(tls, alpn),
      agentIdOfSocket,
      mayServe: peer => peers?.linked(peer) === true,
      where: peer => peers?.bulkAt(peer) ?? null,
      log
    },
    { host: config.bulk.host ?? config.listen.host, port: config.bulk.port }
  )
  undo.push(() => bulk.close())

  const network = await createPeers(
    { trust, privateKey: identity.libp2pKey, log },
    {
      listen: config.listen,
      site,
      role,
      bulkPort: bulk.port,
      fleetTag: fleetTag(config, member),
      mdns: config.mdns,
      cacheHostPort: announcedPort(config, role),
      choose: known => chooseNeighbours(self, known),
      staticPeers: config.staticPeers
    }
  )
  peers = network
  const roles = new Map<AgentId, Role>()

  function record(path: string): Trace {
    log.info({ path }, 'all events are recorded, with the URLs that clients ask for')
    return traceTo(path, init, sentence => {
      log.warn(sentence)
      problem(sentence)
    })
  }

  const corePolicy = (now: AgentConfig): CorePolicy => {
    const policy = policyOf(now)
    // Until the machine is looked at: as if nothing were known of it.
    const { core } = effectivePolicy({ policy, host: unknownHost, time: null, measured: nothingMeasured })
    return role === 'gateway' ? { ...core, upstreamWeight: 1000 } : core
  }
  const init: AgentCoreInit = { self, role, site, policy: corePolicy(config), seed: hash32(self), bans }
  const trace = config.trace === null ? null : record(resolve(config.dataFolder, config.trace))
  if (trace !== null) undo.push(() => trace.close())
  const core = trace === null ? createAgentCore(init) : traced(createAgentCore(init), trace)
  const peerBytes = createPeerBytes(
    transfer => store.list().find(({ head }) => head.transfer === transfer)?.head.head ?? null
  )
  const signer = createSigner(identity, trust, {
    headLifeMs: head => headLifeMs(head, trust.now(), classes()),
    signAfter: head => purging.book.signAfter(head)
  })
  const purging = await createPurging({
    store,
    trust,
    emit,
    signPurge: (target, at) => signer.signPurge(target, at),
    peers: () => network.list().length
  })
  let proxy: Proxy | null = null
  let failedTransfers = 0
  let diskSeen: StoreUsage | null = null

  function emit(event: AgentEvent): void {
    if (event.type === 'peer-joined') roles.set(event.peer, event.role)
    if (event.type === 'peer-left') {
      roles.delete(event.peer)
      bulk.forget(event.peer)
    }
    peerBytes.note(event)
    loop.emit(event)
    if (event.type === 'disk-changed') diskSeen = event
    if (event.type === 'chunk-stored') lookAtDisk(event.kept ? diskLookBusyMs : 0)
  }

  const flows = createFlows({
    store,
    upstream,
    bulk,
    signer,
    recognise: url => recognise(url, classes()),
    emit,
    now: Date.now,
    log,
    roleOf: peer => roles.get(peer) ?? 'agent'
  })
  const loop = run(core, {
    flows: {
      ...flows,
      failTransfer(transfer, reason) {
        failedTransfers++
        flows.failTransfer(transfer, reason)
      }
    },
    say: (to, message) => {
      network.say(to, withProof(message))
    },
    dial: peer => {
      network.dial(peer)
    },
    hangUp: (peer, reason) => {
      network.hangUp(peer, reason)
    },
    signDigests: (transfer, entries, notBefore) => signer.signDigests(transfer, entries, notBefore),
    purgeInForce: ({ target, purgedAt }, all) => {
      // What was asked for here or told by the coordinator is written down where it comes in.
      const who = all.find(one => one.target === target && one.purgedAt === purgedAt)?.word?.signed.issuer
      if (who !== undefined && who !== self) accessLog.audit({ who, what: 'purge', detail: { target } })
      const forgotten = proxy?.purge((key, contentClass) => isOf(target, { key, contentClass }))
      Promise.all([forgotten, purging.keep(all)]).catch((error: unknown) => {
        log.error({ problem: messageOf(error) }, 'a purge is forgotten when this agent stops')
      })
    },
    report: fact => {
      reporter.report(fact)
    },
    failed: (error, what) => {
      log.error(
        { problem: messageOf(error), stack: error instanceof Error ? error.stack : undefined },
        `bug: ${what} failed`
      )
    },
    now: Date.now
  })
  undo.push(() => {
    loop.stop()
  })
  undo.push(() => flows.close())
  const keepTrust = async (): Promise<void> => {
    const snapshot = trust.snapshot()
    if (snapshot === trustKept) return
    trustKept = snapshot
    await store.remember(remembered.trust, snapshot)
  }
  let trustKept = trust.snapshot()
  // A crash costs a minute of knowledge about serials, not all of it.
  const trustTimer = setInterval(() => {
    keepTrust().catch((error: unknown) => {
      log.warn({ problem: messageOf(error) }, 'what is known of issuers could not be kept')
    })
  }, minuteMs)
  trustTimer.unref()
  undo.push(async () => {
    clearInterval(trustTimer)
    await keepTrust()
  })

  /** What a running agent takes over of a changed configuration (config-live.ts). */
  function applyConfig(next: AgentConfig, before: AgentConfig): void {
    // First what may refuse.
    upstream.allowPrivate(next.upstream.allowPrivate)
    mayFollow = createRedirectCheck(next.proxy.rules)
    proxy?.reconfigure({
      ...next.proxy,
      connectPorts: next.proxy.connectPorts.map(Number),
      mirrors: next.mirrors
    })
    // Its children follow.
    log.level = next.logLevel
    if (next.policy !== before.policy) emit({ type: 'policy-changed', policy: corePolicy(next) })
    const added = next.staticPeers.filter(peer => !before.staticPeers.includes(peer))
    if (added.length > 0) network.hint([{ id: null, addresses: added }])
  }

  /** Digests of somebody else are of use only to who can check that he may sign: we pass on his proof. */
  function withProof(message: SwarmMessage): SwarmMessage {
    if (message.type !== 'digests' || message.digests.signed.issuer === self) return message
    return { ...message, proof: trust.proofOf(message.digests.signed.issuer) }
  }

  purging.tellKept()
  for (const { contentId: _, ...loaded } of await store.load()) {
    emit({ type: 'transfer-loaded', ...loaded })
  }
  const lookAtDisk = watchDisk(store, emit, log)
  undo.push(() => {
    lookAtDisk.stop()
  })

  await network.start(emit)
  undo.push(() => network.stop())

  /** What was purged while the agent was stopped, or on a full disk, lies there still. */
  async function openPurged(folder: string, quotaBytes: Bytes): Promise<CacheDisk> {
    const disk = await openCacheDisk(folder, quotaBytes, log)
    await disk.purge((key, contentClass, writtenAt) => purging.book.covers({ key, contentClass }, writtenAt))
    return disk
  }
  const { smallQuotaBytes } = config.cache
  const smallDisk =
    smallQuotaBytes === 0
      ? null
      : await openPurged(filesIn(config.dataFolder).smallCache, smallQuotaBytes).catch((error: unknown) => {
          log.error({ problem: messageOf(error) }, 'small responses are kept in memory only')
          return null
        })
  const smallCache = createHttpCache(smallDisk, log)
  undo.push(() => smallCache.close())
  const listening = await createProxy(
    {
      content: flows,
      upstream,
      cache: smallCache,
      ...(intercept === null ? {} : { intercept }),
      log,
      accessLog
    },
    {
      ...config.proxy,
      day: {
        before: await store.recall(remembered.clientBytes),
        keep: bytes =>
          store.remember(remembered.clientBytes, bytes).catch((error: unknown) => {
            log.warn(
              { problem: messageOf(error) },
              'what clients had today is forgotten when this agent stops'
            )
          })
      },
      connectPorts: config.proxy.connectPorts.map(Number),
      classes,
      mirrors: config.mirrors,
      cacheHost: config.cacheHost.enabled ? config.cacheHost : null,
      cacheHostAllows: url =>
        cacheHostAllows(url, classes()) || isListedOrigin(url, live.now().cacheHost.origins)
    }
  )
  proxy = listening
  undo.push(() => listening.close())
  if (listening.cacheHostProblem !== null) {
    log.error(listening.cacheHostProblem)
    problem(
      `${listening.cacheHostProblem} (cacheHost.port). Until then Delivery Optimization goes to Microsoft.`
    )
  }
  const proxyAddress = urlOf(listening.address, listening.port)

  const status = async (): Promise<AgentStatus> => ({
    id: self,
    site,
    role,
    version,
    pid: process.pid,
    startedAt,
    now: Date.now(),
    coordinator: link?.state() ?? { kind: 'none', since: startedAt, problem: null },
    proxyAddress,
    pageAddress: page.address,
    addresses: network.addresses(),
    peers: network.list().map(peer => ({ ...peer, ...peerBytes.of(peer.id) })),
    transfers: flows.views(),
    totals: flows.totals(),
    store: await store.usage(),
    proxy: listening.tally(),
    smallCache: smallCache.usage(),
    logLinesLost: accessLog.lost(),
    upstreams: upstream.upstreams(),
    intercept: intercept?.view() ?? null,
    refusals: Object.fromEntries([
      ...network.refusals(),
      ...(reporter.purgesDropped() > 0 ? [['purge-flood', reporter.purgesDropped()] as const] : []),
      ...[...bulk.cuts()].map(([reason, count]) => [`bulk-${reason}`, count] as const)
    ]),
    policy: corePolicy(live.now()),
    contentClasses: classes(),
    problems: [...live.problems(), ...reporter.problems()]
  })
  const page = await createPage(
    {
      status,
      onChange: listener => flows.onChange(listener),
      actions: {
        verify: () => store.verify(),
        pin: async (transfer, pinned) => {
          await store.pin(transfer, pinned)
          emit({ type: 'transfer-pinned', transfer, pinned })
        },
        remove: async transfer => {
          flows.evict(transfer)
        },
        purge: async request => await purging.purge(targetOf(request)),
        showConfig: () => live.settings(),
        reloadConfig: () => live.reload(),
        requests: async query => {
          if (accessLog.notesRequests) return await accessLog.search(query)
          throw new StarlingError(
            'no-access-log',
            'this agent writes no access log: set accessLog.enabled to on, and restart it'
          )
        },
        audit: line => {
          accessLog.audit(line)
        }
      },
      log
    },
    { ...config.page, dataFolder: config.dataFolder }
  )
  undo.push(() => page.stop())

  if (link !== null) {
    const linked = link
    await linked.start()
    undo.push(() => linked.stop())
  }
  if (source !== null) {
    const watch = watchFile(source.first.file, () => {
      live.reload().catch((error: unknown) => {
        log.error({ problem: messageOf(error) }, 'the changed configuration could not be read')
      })
    })
    undo.push(() => {
      watch.stop()
    })
  }
  log.info({ agent: self, site, role, proxy: proxyAddress, page: page.address }, 'agent is up')
  return { id: self, site, role, proxyAddress, pageAddress: page.address, status, stop }
}

/**
 * Clients whose TLS we open would have asked the system's store whom to trust, so the upstream does for them. Empty where
 * that is: what Node brings along counts then.
 */
function systemCas(): string[] {
  const system = getCACertificates('system')
  return system.length === 0 ? [] : [...system, ...getCACertificates('extra')]
}

/** Null: nobody is told. */
function announcedPort({ cacheHost }: AgentConfig, role: Role): number | null {
  return role === 'gateway' && cacheHost.enabled && cacheHost.announce ? cacheHost.port : null
}

/** First 8 bytes of a hash that names the fleet and tells nothing about its secret. */
function fleetTag(config: AgentConfig, member: Member | null): string {
  const hash = createHash('sha256')
  if (config.fleetSecret !== null) hash.update('starling/fleet-secret/1\n').update(config.fleetSecret)
  else if (member !== null) hash.update('starling/fleet/1\n').update(member.fleet)
  else if (config.ticket !== null) hash.update('starling/fleet/1\n').update(parseTicket(config.ticket).fleet)
  return hash.digest('hex').slice(0, 16)
}

function bansOf(kept: unknown): Array<{ peer: AgentId; until: Millis }> {
  if (!Array.isArray(kept)) return []
  return kept.filter(
    (ban): ban is { peer: AgentId; until: Millis } =>
      typeof ban?.peer === 'string' && typeof ban.until === 'number' && ban.until > Date.now()
  )
}

function urlOf(address: string, port: number): string {
  return `http://${address.includes(':') ? `[${address}]` : address}:${port}`
}

async function ownVersion(): Promise<string> {
  const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  return version
}
