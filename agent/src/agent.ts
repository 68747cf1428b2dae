/**
 * The composition root: has the shells made (wiring/ says how each is put together), hands them to each other, starts them in
 * order and stops them in reverse. The only file that knows everything; it decides nothing.
 */
import { mkdir } from 'node:fs/promises'
import { hostname } from 'node:os'
import { recognise } from '@starling/shared/content-classes/recognise.ts'
import type { Role } from '@starling/shared/credential.ts'
import { messageOf, StarlingError } from '@starling/shared/errors.ts'
import { headLifeMs } from '@starling/shared/http-sharing.ts'
import type { AgentId, SiteId, TransferId } from '@starling/shared/ids.ts'
import type { Millis } from '@starling/shared/units.ts'
import { hash32 } from '@starling/shared/prng.ts'
import { parseTicket } from '@starling/shared/ticket.ts'
import { readCheckedConfig } from './config-checked.ts'
import { policyOf } from './config-policy.ts'
import { gatewayWithSecret } from './config-relations.ts'
import { configSource, createLiveConfig, type ConfigSource } from './config-reload.ts'
import { configOf, dataFolderOf, type ConfigSources } from './config-sources.ts'
import type { AgentConfig } from './config.ts'
import type { CoordinatorLink, Member } from './coordinator-link/link.ts'
import { keptPolicyValues } from './coordinator-link/policy.ts'
import type { AgentEvent, CorePolicy } from './core/events.ts'
import { createFarUploads } from './far-uploads.ts'
import { fleetReport } from './fleet-report.ts'
import { createFlows } from './flows/flows.ts'
import { systemReader, type SystemReader } from './host/systems.ts'
import { readSecretFile } from './identity/secret-file.ts'
import { parseFleetSecret } from './identity/secret.ts'
import { createSigner } from './identity/signer.ts'
import { createLineMeter } from './line-meter.ts'
import type { Log } from './log.ts'
import { createMetPeers } from './met-peers.ts'
import { ownVersion } from './own-version.ts'
import { createOrders } from './orders/orders.ts'
import { stepsThrough } from './orders/through-proxy.ts'
import { createPage } from './page/page.ts'
import { createDialOutcomes } from './peers/dial-outcomes.ts'
import { createPeerBytes } from './peer-bytes.ts'
import { corePolicyOf, createPolicyState, sharingOf, type PolicyState } from './policy-state.ts'
import type { AgentStatus, ConfigReload, PeersPort, SourcedValue, StoreUsage } from './ports.ts'
import type { Proxy } from './proxy/http-proxy.ts'
import { createPurging } from './purging.ts'
import { createReporter } from './report.ts'
import { runProgram } from './run-program.ts'
import { createStops, type Stops } from './stops.ts'
import { removeTicketFile } from './ticket-file.ts'
import { upstreamRefusal } from './upstream/address-check.ts'
import { diskLookBusyMs, watchDisk } from './watch-disk.ts'
import { openAccessLog } from './wiring/access-log.ts'
import { applyConfig, followPolicy } from './wiring/changes.ts'
import { keepCoordinatorPolicy } from './wiring/coordinator-policy.ts'
import { linkToCoordinator } from './wiring/coordinator.ts'
import { openSpans, tracesEndpoint } from './telemetry/otlp.ts'
import { createCore } from './wiring/core.ts'
import { openIdentity } from './wiring/identity.ts'
import { startIntercept } from './wiring/intercept.ts'
import { watchLine } from './wiring/line.ts'
import { openInsight } from './wiring/insight.ts'
import { runCore } from './wiring/loop.ts'
import { openMachine } from './wiring/machine.ts'
import { bansOf, keepWhatIsLearnt, remembered } from './wiring/memory.ts'
import { pageActions } from './wiring/page-actions.ts'
import { openPeers } from './wiring/peers.ts'
import { startProxy } from './wiring/proxy.ts'
import { reloadOnChange } from './wiring/reloading.ts'
import { showing, type Shown } from './wiring/status.ts'
import { openUpstream } from './wiring/upstream.ts'

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
  /**
   * Asks for this agent to be stopped and made anew once it has belonged to another site for so long; null: it does no more. Absent:
   * people are told that it must be.
   */
  readonly startAnew?: ((wish: { readonly why: string; readonly afterMs: Millis } | null) => void) | null
}

/**
 * @param source where the configuration came from and is read again; without one it stays as it is
 * @throws StarlingError; what was already started is stopped again then
 */
export async function createAgent(
  config: AgentConfig,
  { log, source = null, system = systemReader(runProgram, process.env), startAnew = null }: AgentTools
): Promise<Agent> {
  const stops = createStops(log)
  try {
    return await start(config, { log, source, system, startAnew }, stops)
  } catch (error) {
    await stops.stop()
    throw error
  }
}

async function start(
  config: AgentConfig,
  { log, source, system, startAnew }: Required<AgentTools>,
  stops: Stops
): Promise<Agent> {
  const powerless = gatewayWithSecret(config)
  if (powerless !== null) throw new StarlingError('bad-config', powerless)
  /** As `live` has it, but already while a change is taken over. */
  let inForce = config
  const live = createLiveConfig(config, source, {
    log,
    async apply(next, before) {
      const goOver = await upstream.prepare(next)
      inForce = next
      applyConfig({ upstream, goOver, accessLog, role, intercept, proxy, policy, network, log }, next, before)
      if (link !== null && leadsElsewhere(next.ticket, before.ticket, member))
        placedElsewhere('This agent was given a ticket to join a fleet with', 0)
    }
  })
  const classes = () => live.now().contentClasses
  const startedAt = Date.now()
  /** All parts stand. */
  let isUp = false
  const version = await ownVersion()
  await mkdir(config.dataFolder, { recursive: true, mode: 0o700 })

  // The machine, and what policy comes to on it; then what is kept here.
  let policyState: PolicyState | null = null
  const { host, store, atStart, trouble } = await openMachine(
    { system, hostChanged: () => policyState?.look(), log, stops },
    config
  )
  const farUploads = createFarUploads(await store.recall(remembered.farUploads))
  const lineMeter = createLineMeter(await store.recall(remembered.wanLine))
  const lanMeter = createLineMeter(null)
  const bans = bansOf(await store.recall(remembered.bans))
  const reporter = createReporter({
    log,
    now: Date.now,
    bans,
    bansChanged: () => {
      void store.remember(remembered.bans, reporter.bans())
    }
  })
  const problem = (sentence: string): void => {
    reporter.problem(sentence)
  }
  if (trouble !== null) problem(trouble)
  const placedElsewhere = (why: string, afterMs: Millis): void => {
    if (startAnew === null) problem(`${why}: restart it to take that up.`)
    else startAnew({ why, afterMs })
  }

  // Who this agent is, whose word counts, and where it belongs.
  const { identity, tls, trust } = await openIdentity(store, config, atStart.site.id)
  const self = identity.agentId
  const dials = createDialOutcomes(self)
  const pin = async (transfer: TransferId, pinned: boolean): Promise<void> => {
    await store.pin(transfer, pinned)
    emit({ type: 'transfer-pinned', transfer, pinned })
  }
  const orders = await createOrders({
    store,
    pin,
    keyOf: url => (URL.canParse(url) ? recognise(url, classes()).key : null),
    now: () => trust.now(),
    log
  })
  let peers: PeersPort | null = null
  let member: Member | null = null
  const link = config.fleetSecret === null ? createLink() : null
  if (link !== null) member = await link.prepare()
  // While no coordinator answers, the ticket knows where this agent belongs.
  const ticketSite = config.ticket === null ? null : parseTicket(config.ticket).site
  const site = member?.site ?? ticketSite ?? atStart.site.id
  const role = member?.role ?? config.role

  const accessLog = await openAccessLog({ store, log, stops }, config, role)
  const policy = createPolicyState({
    policy: () => policyOf(inForce),
    host: () => host.now(),
    measured: () => ({
      wanBytesPerSecond: lineMeter.bytesPerSecond,
      farUploadBytesThisMonth: farUploads.now()
    }),
    changed(next, before) {
      // Where it is, is not told by a coordinator, nor by the ticket that it will join with.
      const isPlaced = member !== null || ticketSite !== null
      const allowedPrivate = live.now().upstream.allowPrivate
      followPolicy(
        {
          corePolicy,
          role,
          site: isPlaced ? null : site,
          allowedPrivate,
          upstream,
          network,
          store,
          lookAtDisk,
          emit,
          placedElsewhere,
          staysHere: () => startAnew?.(null),
          log
        },
        next,
        before
      )
    }
  })
  policyState = policy
  stops.push(() => {
    policy.stop()
  })

  // Beyond the site, and within it.
  const intercept = await startIntercept({ store, problem, log }, config)
  stops.push(() => intercept?.stop())
  const upstream = await openUpstream(
    { live: () => live.now(), cacheHosts: () => policy.now().cacheHosts, intercept, log },
    config
  )
  stops.push(() => upstream.close())
  const { bulk, network } = await openPeers(
    {
      identity,
      tls,
      trust,
      dials,
      group: () => policy.now().peers.group,
      host: () => host.now(),
      log,
      stops
    },
    config,
    { site, role, member }
  )
  peers = network
  const metPeers = createMetPeers()
  const peerBytes = createPeerBytes(transfer => store.find(transfer)?.head.head ?? null)

  const spans = await openSpans(
    tracesEndpoint(config.otlp.endpoint, process.env),
    { name: 'starling-agent', version, id: self, facts: { 'starling.site': site, 'starling.role': role } },
    log
  )
  stops.push(() => spans.close())

  // The core, and the bytes that it has moved.
  const corePolicy = (): CorePolicy => corePolicyOf(policy.now(), role, policyOf(inForce))
  const { core, mind } = createCore(
    { self, role, site, policy: corePolicy(), seed: hash32(self), bans },
    config,
    {
      problem,
      spans,
      log,
      stops
    }
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
    roleOf: peer => metPeers.roleOf(peer)
  })
  let proxy: Proxy | null = null
  let diskSeen: StoreUsage | null = null
  const insight = await openInsight({
    mind,
    about: () => shown.about(),
    status: () => shown.status(),
    store,
    flows,
    network,
    bulk,
    metPeers,
    site,
    reporter,
    policy,
    mode: () => policyOf(inForce).DODownloadMode,
    host,
    live,
    showPolicy: () => actions.showPolicy(),
    trust,
    cacheHostPort: () =>
      config.cacheHost.enabled && proxy?.cacheHostProblem === null ? config.cacheHost.port : null,
    config,
    log
  })
  const loop = runCore(core, {
    flows,
    network,
    signer,
    trust,
    purging,
    proxy: () => proxy,
    accessLog,
    reporter,
    log
  })
  stops.push(() => {
    loop.stop()
  })
  stops.push(() => flows.close())
  stops.push(keepWhatIsLearnt({ store, trust, farUploads, lineMeter, insight, log }))

  /** Everything the core hears passes here. */
  function emit(event: AgentEvent): void {
    metPeers.note(event)
    if (event.type === 'peer-left') bulk.forget(event.peer)
    insight.note(event)
    const given = peerBytes.note(event)
    if (given !== null) insight.gave(given)
    if (given !== null && metPeers.siteOf(given.peer) !== site) {
      farUploads.add(given.bytes)
      policy.look()
    }
    loop.emit(event)
    if (event.type === 'disk-changed') diskSeen = event
    if (event.type === 'chunk-stored') lookAtDisk(event.kept ? diskLookBusyMs : 0)
  }

  // It hears first what is so already; then the doors are opened, to the site and to clients.
  emit({ type: 'sharing-changed', sharing: sharingOf(policy.now(), role) })
  purging.tellKept()
  for (const { contentId: _, ...loaded } of await store.load()) {
    emit({ type: 'transfer-loaded', ...loaded })
  }
  const lookAtDisk = watchDisk(store, emit, log, () => policy.now().cache.ageMsMax)
  stops.push(() => {
    lookAtDisk.stop()
  })
  policy.start()
  stops.push(watchLine({ wan: lineMeter, lan: lanMeter }, () => flows.totals(), policy))
  await network.start(emit)
  stops.push(() => network.stop())
  const listening = await startProxy(
    {
      content: flows,
      upstream,
      intercept,
      store,
      purged: () => purging.book,
      classes,
      keeps: () => policy.now().keeps,
      accessLog,
      spans,
      problem,
      log,
      stops
    },
    config
  )
  proxy = listening.proxy
  const proxyAddress = urlOf(proxy.address, proxy.port)

  const shown: Shown = showing(
    { id: self, site, role, version, startedAt, proxyAddress },
    () => page.address,
    {
      link,
      network,
      peerBytes,
      bulk,
      flows,
      store,
      ...listening,
      accessLog,
      upstream,
      intercept,
      reporter,
      orders,
      corePolicy,
      live
    }
  )
  const actions = pageActions({
    store,
    pin,
    flows,
    purging,
    policy,
    toldSite: () => (member !== null || ticketSite !== null ? site : null),
    live,
    isFixed: source === null,
    accessLog,
    intercept
  })
  const page = await createPage(
    {
      ...shown,
      knows: transfer => flows.knows(transfer),
      onChange: listener => flows.onChange(listener),
      actions,
      insight,
      log
    },
    { ...config.page, dataFolder: config.dataFolder }
  )
  stops.push(() => page.stop())

  if (link !== null) {
    // The kept policy has said what it says by now.
    isUp = true
    if (source !== null) await live.reload()
    orders.start(stepsThrough(proxyAddress), member?.fleet ?? null)
    stops.push(() => orders.stop())
    await link.start()
    stops.push(() => link.stop())
  }
  if (source !== null) reloadOnChange(source, live, { log, stops })

  /** Before there are peers: what they are called and whether they may be met depends on the coordinator's answer. */
  function createLink(): CoordinatorLink {
    return linkToCoordinator(
      {
        self,
        tls,
        trust,
        peers: () => peers,
        asksForPeers: () => policyState?.now().asksForPeers !== false,
        purging: () => purging,
        accessLog: () => accessLog,
        policy:
          source === null
            ? null
            : keepCoordinatorPolicy(
                {
                  self,
                  async take(values) {
                    if (isUp) return await setCoordinatorPolicy(values)
                    // What was kept is there before the parts that it is about: they are told when all stand.
                    source.setCoordinatorPolicy?.(values)
                    return null
                  },
                  waits: () => live.waitsFor('coordinator'),
                  peers: () => peers,
                  upstream: () => (isUp ? upstream.totals() : { requests: 0, failures: 0 }),
                  problem,
                  log
                },
                config.dataFolder
              ),
        orders: { digest: fleet => orders.digest(fleet), take: (fleet, list) => orders.take(fleet, list) },
        report: () =>
          fleetReport({
            hostName: hostname(),
            platform: process.platform,
            totals: flows.totals(),
            ended: isUp ? proxy!.tally().ended : { all: 0, failed: 0 },
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
            clockOffsetMs: trust.now() - Date.now(),
            orders: orders.progress()
          }),
        log
      },
      {
        dataFolder: config.dataFolder,
        ticket: config.ticket,
        addresses: () => inForce.coordinatorAddresses,
        version,
        onMember(now) {
          const changed = peers !== null && (now.site !== site || now.role !== role)
          member = now
          void removeTicketFile(config.dataFolder).catch((error: unknown) => log.warn(messageOf(error)))
          if (changed)
            placedElsewhere(`The coordinator moved this agent to site ${now.site} as ${now.role}`, 0)
          else if (peers !== null) startAnew?.(null)
        }
      }
    )
  }

  async function setCoordinatorPolicy(values: readonly SourcedValue[]): Promise<ConfigReload> {
    source?.setCoordinatorPolicy?.(values)
    return await live.reload()
  }
  log.info({ agent: self, site, role, proxy: proxyAddress, page: page.address }, 'agent is up')
  return {
    id: self,
    site,
    role,
    proxyAddress,
    pageAddress: page.address,
    status: () => shown.status(),
    setCoordinatorPolicy,
    stop: () => stops.stop()
  }
}

/** What this agent is called among others goes by its fleet, so it is made anew with a ticket that leads to one. */
function leadsElsewhere(ticket: string | null, before: string | null, member: Member | null): boolean {
  return ticket !== null && ticket !== before && parseTicket(ticket).fleet !== member?.fleet
}

function urlOf(address: string, port: number): string {
  return `http://${address.includes(':') ? `[${address}]` : address}:${port}`
}
