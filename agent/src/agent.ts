/**
 * The composition root: makes the shells, hands them to each other, starts them in order and stops them in reverse. The
 * only file that knows everything; it decides nothing.
 */
import { createHash } from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { resolve } from 'node:path'
import { getCACertificates } from 'node:tls'
import { isDeepStrictEqual } from 'node:util'
import { cacheHostAllows } from '@starling/shared/content-classes/cache-host.ts'
import { recognise } from '@starling/shared/content-classes/recognise.ts'
import type { Role } from '@starling/shared/credential.ts'
import { messageOf, StarlingError } from '@starling/shared/errors.ts'
import { headLifeMs } from '@starling/shared/http-sharing.ts'
import type { AgentId, SiteId } from '@starling/shared/ids.ts'
import { effectivePolicy, type Effective } from '@starling/shared/policy/effective.ts'
import { nothingMeasured } from '@starling/shared/policy/host-facts.ts'
import { hash32 } from '@starling/shared/prng.ts'
import { isOf, targetOf } from '@starling/shared/purge.ts'
import { parseTicket } from '@starling/shared/ticket.ts'
import { minuteMs, secondMs, type Bytes, type Millis } from '@starling/shared/units.ts'
import type { SwarmMessage } from '@starling/shared/wire.ts'
import { createAccessLog } from './access-log/access-log.ts'
import { configOf, dataFolderOf, type ConfigSources } from './config-sources.ts'
import { createBulkTls } from './bulk/bulk-tls.ts'
import { readCheckedConfig } from './config-checked.ts'
import { gatewayWithSecret } from './config-relations.ts'
import { configSource, createLiveConfig, type ConfigSource } from './config-reload.ts'
import { problemText } from './config-problem.ts'
import { watchFile } from './config-watch.ts'
import { contentFolderOf } from './cache-place.ts'
import { createFarUploads } from './far-uploads.ts'
import { createHost } from './host/host.ts'
import { systemReader, type SystemReader } from './host/systems.ts'
import { createLineMeter } from './line-meter.ts'
import { corePolicyOf, createPolicyState, sharingOf, type PolicyState } from './policy-state.ts'
import { runProgram } from './run-program.ts'
import { withCacheHosts } from './upstream/cache-hosts.ts'
import { changesOf, shownConfig } from './config-changes.ts'
import { filesIn, type AgentConfig } from './config.ts'
import { policyOf } from './config-policy.ts'
import {
  createPolicyKeeper,
  keptPolicyValues,
  policyValues,
  type PolicyKeeper
} from './coordinator-link/policy.ts'
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
import { verifyCredential, verifyPolicy, verifyRevocationList } from './identity/signatures.ts'
import { createSigner } from './identity/signer.ts'
import { agentIdOfSocket, dialAgent, identityServerOptions } from './identity/tls.ts'
import { createTrust } from './identity/trust.ts'
import type { Log } from './log.ts'
import { createPage } from './page/page.ts'
import { createPeerBytes } from './peer-bytes.ts'
import { createDialOutcomes } from './peers/dial-outcomes.ts'
import { createPeers } from './peers/peers.ts'
import type { AgentStatus, ConfigReload, PeersPort, SourcedValue, StoreUsage } from './ports.ts'
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
  /** What the coordinator's policy says, least special scope first. @throws StarlingError `config-fixed` */
  setCoordinatorPolicy(values: readonly SourcedValue[]): Promise<ConfigReload>
  stop(): Promise<void>
}

/** At the start what takes longer is not waited for: PowerShell on a machine that has just booted. */
const firstLookMsMax: Millis = 5 * secondMs
/** A download of ten seconds has one whole look in it. */
const lineLookMs: Millis = 5 * secondMs

/** Names under which the store remembers what is not about content. */
const remembered = {
  bans: 'bans',
  trust: 'trust',
  clientBytes: 'client-bytes',
  config: 'config',
  tunnelled: 'tunnelled',
  farUploads: 'far-uploads',
  wanLine: 'wan-line'
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
  const source = await configSource(
    one => readCheckedConfig(one, secrets, upstreamRefusal),
    sources,
    await keptPolicyValues(dataFolderOf(sources), readSecretFile)
  )
  return await createAgent(configOf(source.first), { log, source })
}

export interface AgentTools {
  readonly log: Log
  readonly source?: ConfigSource | null
  /** How the machine's state is read; by default as this system tells it. */
  readonly system?: SystemReader
}

/**
 * @param source where the configuration came from and is read again; without one it stays as it is
 * @throws StarlingError; what was already started is stopped again then
 */
export async function createAgent(
  config: AgentConfig,
  { log, source = null, system = systemReader(runProgram, process.env) }: AgentTools
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
    return await start(config, { log, source, system }, undo, stop)
  } catch (error) {
    await stop()
    throw error
  }
}

async function start(
  config: AgentConfig,
  { log, source, system }: Required<AgentTools>,
  undo: Array<() => Promise<unknown> | void>,
  stop: () => Promise<void>
): Promise<Agent> {
  const powerless = gatewayWithSecret(config)
  if (powerless !== null) throw new StarlingError('bad-config', powerless)
  const live = createLiveConfig(config, source, { log, apply: applyConfig })
  /** As `live` has it, but already while a change is taken over. */
  let inForce = config
  const classes = () => live.now().contentClasses
  const startedAt = Date.now()
  /** All parts stand. */
  let isUp = false
  const ended = () => (isUp ? proxy!.tally().ended : { all: 0, failed: 0 })
  const version = await ownVersion()
  await mkdir(config.dataFolder, { recursive: true, mode: 0o700 })
  let contentFolder: string | null = null
  let policyState: PolicyState | null = null
  const host = createHost({
    system,
    cacheFolder: () => contentFolder ?? config.dataFolder,
    changed: () => policyState?.look(),
    log
  })
  undo.push(() => {
    host.stop()
  })
  await host.start(firstLookMsMax)
  const atStart = effectivePolicy({
    policy: policyOf(config),
    host: host.now(),
    time: null,
    measured: nothingMeasured
  })
  contentFolder = placeOf(atStart.cache.place)
  const store = await createStore(
    { log },
    { folder: config.dataFolder, contentFolder, ...limitsOf(atStart.cache) }
  )
  undo.push(() => store.close())
  const farUploads = createFarUploads(await store.recall(remembered.farUploads))
  const lineMeter = createLineMeter(await store.recall(remembered.wanLine))
  const lanMeter = createLineMeter(null)
  const identity = await loadOrCreateIdentity(config.dataFolder)
  const self = identity.agentId
  const dials = createDialOutcomes(self)

  const trust = createTrust({
    self,
    clock: Date.now,
    membersMaySign: config.membersMaySign,
    fleetSecret: config.fleetSecret === null ? null : { secret: config.fleetSecret, site: atStart.site.id }
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
            if (policyState?.now().asksForPeers !== false) peers?.hint(hints)
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
        // Who is set up by a program of its own is not told by the coordinator what to do.
        ...(source === null ? {} : { policy: createCoordinatorPolicy() }),
        machine: machineName,
        report: () =>
          fleetReport({
            hostName: hostname(),
            platform: process.platform,
            totals: flows.totals(),
            ended: ended(),
            refusals: network.refusals(),
            signs: network.signs(),
            unreached: dials.unreached(),
            rates: {
              wan: lineMeter.bytesPerSecond,
              lan: lanMeter.bytesPerSecond,
              line: policyOf(inForce).wanLineBytesPerSecond || null
            },
            mdns: config.mdns,
            peers: network.list().length,
            stored: store.list(),
            views: flows.views(),
            disk: diskSeen,
            host: host.now(),
            waiting: live.waiting(),
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
  const site = member?.site ?? ticketSite ?? atStart.site.id
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

  const policy = createPolicyState({
    policy: () => policyOf(inForce),
    host: () => host.now(),
    measured: () => ({
      wanBytesPerSecond: lineMeter.bytesPerSecond,
      farUploadBytesThisMonth: farUploads.now()
    }),
    changed: followPolicy
  })
  policyState = policy
  undo.push(() => {
    policy.stop()
  })

  const intercept = config.intercept.enabled ? await startIntercept() : null
  undo.push(() => intercept?.stop())
  let mayFollow = createRedirectCheck(config.proxy.rules)
  const asking = createUpstream(
    { log },
    {
      ...config.upstream,
      allowPrivate: [...config.upstream.allowPrivate, ...policy.now().cacheHosts.hosts],
      ca: intercept === null ? [] : systemCas(),
      mayFollow: url => mayFollow(url),
      credentials: await upstreamCredentials(config, readSecretFile),
      recognise: url => recognise(url, classes())
    }
  )
  const mayUseCacheHost = (url: string): boolean =>
    cacheHostAllows(url, classes()) || isListedOrigin(url, live.now().cacheHost.origins)
  const upstream = withCacheHosts(
    watchUpstream(asking, (url, why) => intercept?.originRefused(url, why)),
    {
      rules: () => policy.now().cacheHosts,
      isForCacheHosts: mayUseCacheHost,
      log,
      now: () => performance.now()
    }
  )
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
      dial: to => dials.watch(to.expected, dialAgent({ ...to, tls })),
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
    { trust, privateKey: identity.libp2pKey, dials, log },
    {
      listen: config.listen,
      site,
      role,
      bulkPort: bulk.port,
      fleetTag: fleetTag(config, member),
      mdns: config.mdns,
      cacheHostPort: announcedPort(config, role),
      group: () => policy.now().peers.group,
      choose: known => chooseNeighbours(self, known),
      staticPeers: config.staticPeers
    }
  )
  peers = network
  const roles = new Map<AgentId, Role>()
  const sites = new Map<AgentId, SiteId>()

  function record(path: string): Trace {
    log.info({ path }, 'all events are recorded, with the URLs that clients ask for')
    return traceTo(path, init, sentence => {
      log.warn(sentence)
      problem(sentence)
    })
  }

  const corePolicy = (): CorePolicy => corePolicyOf(policy.now(), role, policyOf(inForce))
  const init: AgentCoreInit = { self, role, site, policy: corePolicy(), seed: hash32(self), bans }
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
  let diskSeen: StoreUsage | null = null

  function emit(event: AgentEvent): void {
    if (event.type === 'peer-joined') {
      roles.set(event.peer, event.role)
      sites.set(event.peer, event.site)
    }
    if (event.type === 'peer-left') {
      roles.delete(event.peer)
      sites.delete(event.peer)
      bulk.forget(event.peer)
    }
    const given = peerBytes.note(event)
    if (given !== null && sites.get(given.peer) !== site) {
      farUploads.add(given.bytes)
      policy.look()
    }
    loop.emit(event)
    if (event.type === 'disk-changed') diskSeen = event
    if (event.type === 'chunk-stored') lookAtDisk(event.kept ? diskLookBusyMs : 0)
  }

  const flows = createFlows({
    store,
    upstream,
    bulk,
    signer,
    recognise: url => {
      const recognised = recognise(url, classes())
      const { contentBytesMin } = policy.now().cache
      return { ...recognised, minBytes: Math.max(recognised.minBytes, contentBytesMin) }
    },
    emit,
    now: Date.now,
    log,
    roleOf: peer => roles.get(peer) ?? 'agent'
  })
  const loop = run(core, {
    flows,
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
  const keepMeasures = async (): Promise<void> => {
    await store.remember(remembered.farUploads, farUploads.snapshot())
    await store.remember(remembered.wanLine, lineMeter.bytesPerSecond)
  }
  let trustKept = trust.snapshot()
  // A crash costs a minute of knowledge about serials, not all of it.
  const trustTimer = setInterval(() => {
    Promise.all([keepTrust(), keepMeasures()]).catch((error: unknown) => {
      log.warn({ problem: messageOf(error) }, 'what is known of issuers and measured could not be kept')
    })
  }, minuteMs)
  trustTimer.unref()
  undo.push(async () => {
    clearInterval(trustTimer)
    await keepTrust()
    await keepMeasures()
  })

  /** What a running agent takes over of a changed configuration (config-live.ts). */
  function applyConfig(next: AgentConfig, before: AgentConfig): void {
    inForce = next
    // First what may refuse.
    upstream.allowPrivate([...next.upstream.allowPrivate, ...policy.now().cacheHosts.hosts])
    mayFollow = createRedirectCheck(next.proxy.rules)
    proxy?.reconfigure({
      ...next.proxy,
      connectPorts: next.proxy.connectPorts.map(Number),
      mirrors: next.mirrors
    })
    // Its children follow.
    log.level = next.logLevel
    policy.look()
    const added = next.staticPeers.filter(peer => !before.staticPeers.includes(peer))
    if (added.length > 0) network.hint([{ id: null, addresses: added }])
  }

  /** Policy comes to something else than before: it was changed, or the machine or the hour has. */
  function followPolicy(next: Effective, before: Effective): void {
    emit({ type: 'policy-changed', policy: corePolicy() })
    const sharing = sharingOf(next, role)
    if (!isDeepStrictEqual(sharing, sharingOf(before, role))) emit({ type: 'sharing-changed', sharing })
    if (!isDeepStrictEqual(next.peers, before.peers)) network.regroup('policy')
    if (!isDeepStrictEqual(next.cache, before.cache)) {
      store.limit(limitsOf(next.cache))
      lookAtDisk(0)
    }
    if (!isDeepStrictEqual(next.cacheHosts.hosts, before.cacheHosts.hosts))
      upstream.allowPrivate([...live.now().upstream.allowPrivate, ...next.cacheHosts.hosts])
    if (member === null && next.site.id !== before.site.id)
      problem(
        `This machine is at site ${next.site.id} now (${next.site.why}): restart the agent to take that up.`
      )
    const { peering, upload } = next
    log.info({ peering, upload }, 'policy comes to something else than before')
  }

  /** Null: in the data folder. */
  function placeOf(place: string | null): string | null {
    if (place === null) return null
    try {
      return contentFolderOf(place, process.env, process.platform)
    } catch (error) {
      log.error(messageOf(error))
      return null
    }
  }

  /** Digests of somebody else are of use only to who can check that he may sign: we pass on his proof. */
  function withProof(message: SwarmMessage): SwarmMessage {
    if (message.type !== 'digests' || message.digests.signed.issuer === self) return message
    return { ...message, proof: trust.proofOf(message.digests.signed.issuer) }
  }

  emit({ type: 'sharing-changed', sharing: sharingOf(policy.now(), role) })
  purging.tellKept()
  for (const { contentId: _, ...loaded } of await store.load()) {
    emit({ type: 'transfer-loaded', ...loaded })
  }
  const lookAtDisk = watchDisk(store, emit, log, () => policy.now().cache.ageMsMax)
  undo.push(() => {
    lookAtDisk.stop()
  })

  policy.start()
  const measuring = setInterval(() => {
    const { rates, core: numbers } = policy.now()
    const { all, foreground, background } = rates
    const isLimited = all !== null || foreground !== null || background !== null
    lineMeter.note(flows.totals().fromUpstream, isLimited, Date.now())
    lanMeter.note(flows.totals().fromPeers, numbers.maxLanDownloadBytesPerSecond !== 0, Date.now())
  }, lineLookMs)
  measuring.unref()
  undo.push(() => {
    clearInterval(measuring)
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
      passesAll: () => (policy.now().keeps ? null : 'DODownloadMode is 100'),
      cacheHostAllows: mayUseCacheHost
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
    policy: corePolicy(),
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
        showPolicy() {
          const view = policy.view(source === null ? [] : live.settings(), live.waiting())
          // An agent of a coordinator is where that says, whatever definitions say.
          const isTold = member !== null || ticketSite !== null
          return isTold
            ? {
                ...view,
                effective: { ...view.effective, site: { id: site, why: 'as its coordinator says' } }
              }
            : view
        },
        showConfig: () => live.settings(),
        reloadConfig: () => live.reload(),
        requests: async query => {
          if (accessLog.notesRequests) return await accessLog.search(query)
          throw new StarlingError(
            'no-access-log',
            'this agent writes no access log: set accessLog.enabled to on, and restart it'
          )
        },
        retryTunnelled(which) {
          if (intercept !== null) return intercept.retry(which)
          throw new StarlingError(
            'no-interception',
            'this agent intercepts no TLS, so nothing is to be tried again: intercept.enabled turns it on at the next start'
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
    // The kept policy has said what it says by now.
    isUp = true
    if (source !== null) await live.reload()
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
  undo.push(
    source?.watchMachine?.(() => {
      live.reload().catch((error: unknown) => {
        log.error({ problem: messageOf(error) }, 'the changed machine policy could not be read')
      })
    }) ?? (() => {})
  )
  function createCoordinatorPolicy(): PolicyKeeper {
    return createPolicyKeeper(
      {
        self,
        files: { readFile: readSecretFile, writeFile: writeSecretFile },
        verify: verifyPolicy,
        async apply(scopes) {
          const values = policyValues(scopes)
          // What was kept is there before the parts that it is about: they are told when all stand.
          if (!isUp) {
            source?.setCoordinatorPolicy?.(values)
            return null
          }
          const fault = (await setCoordinatorPolicy(values)).problems.find(
            ({ severity }) => severity === 'error'
          )
          return fault === undefined ? null : problemText(fault)
        },
        waits: () => live.waiting().some(({ origin }) => origin.kind === 'coordinator'),
        reach: () => ({
          peers: peers?.list().length ?? 0,
          upstreamTried: upstreamSum('requests'),
          upstreamFailed: upstreamSum('failures')
        }),
        problem(sentence) {
          if (sentence !== null) problem(sentence)
        },
        log
      },
      config.dataFolder
    )
  }
  function upstreamSum(what: 'requests' | 'failures'): number {
    return isUp ? upstream.upstreams().reduce((sum, one) => sum + one[what], 0) : 0
  }
  async function setCoordinatorPolicy(values: readonly SourcedValue[]): Promise<ConfigReload> {
    source?.setCoordinatorPolicy?.(values)
    return await live.reload()
  }
  log.info({ agent: self, site, role, proxy: proxyAddress, page: page.address }, 'agent is up')
  return { id: self, site, role, proxyAddress, pageAddress: page.address, status, setCoordinatorPolicy, stop }
}

/**
 * Clients whose TLS we open would have asked the system's store whom to trust, so the upstream does for them. Empty where
 * that is: what Node brings along counts then.
 */
function systemCas(): string[] {
  const system = getCACertificates('system')
  return system.length === 0 ? [] : [...system, ...getCACertificates('extra')]
}

/** No quota at all is one that is never reached. */
function limitsOf({ quotaBytes, floorBytes }: Effective['cache']): { quotaBytes: Bytes; floorBytes: Bytes } {
  return { quotaBytes: quotaBytes ?? Number.MAX_SAFE_INTEGER, floorBytes }
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
