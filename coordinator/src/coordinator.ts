/**
 * The composition root: reads nothing, decides nothing, puts the parts together and takes them apart again.
 */
import { join } from 'node:path'
import { loadAssets } from '@starling/agent/page-files.ts'
import { createTlsIdentity } from '@starling/agent/identity/certificate.ts'
import { openSpans } from '@starling/agent/telemetry/otlp.ts'
import type { StatusView, TicketRequest } from '@starling/shared/admin-api/fleet.ts'
import { minuteMs, type Millis } from '@starling/shared/units.ts'
import type { AgentId, SiteId } from '@starling/shared/ids.ts'
import type { PurgeRequest } from '@starling/shared/purge.ts'
import { createAccounts, type FirstAdminCode } from './accounts.ts'
import { keepAuditShort } from './audit-retention.ts'
import { loadOrCreateAdminToken, removeRunningFile, writeRunningFile } from './admin-files.ts'
import { byItself } from './by.ts'
import { createApi } from './api/server.ts'
import { createAuthority, loadAuthorityKeys } from './authority.ts'
import { reachableAddresses, type CoordinatorConfig, type Endpoint } from './config.ts'
import { alertRulesWith, changedRule } from './core/alert-rules.ts'
import { stepAlerts } from './core/alerts.ts'
import { createCoordinatorCore } from './core/coordinator.ts'
import * as noticing from './core/noticing.ts'
import { placementOf } from './core/placing.ts'
import { createRolloutCore } from './core/rollout.ts'
import { ReportBook } from './core/report-book.ts'
import { PaceBook } from './core/pace-book.ts'
import { SpreadBook } from './core/spread-book.ts'
import { createEnrolment, type Enrolment } from './enrolment.ts'
import { cachedReads } from './fleet/cached-reads.ts'
import type { FleetView } from './fleet-ports.ts'
import { createFleetFigures } from './fleet/fleet-figures.ts'
import { createFleetView } from './fleet/fleet-view.ts'
import { onlineSince } from './fleet/presence.ts'
import { createNoticer } from './fleet/noticer.ts'
import { createPlacer } from './fleet/placer.ts'
import { createAlerting } from './fleet/alerting.ts'
import { sendToWebhook } from './fleet/webhook.ts'
import { createWebhookBook } from './fleet/webhook-book.ts'
import { createFleetBook } from './fleet/fleet-book.ts'
import type { Log } from './log.ts'
import { bringMasterKey, findMasterKey, loadMasterKey } from './master-key.ts'
import { followMembers } from './members.ts'
import { fingerprintOf, loadPageCertificate } from './page-certificate.ts'
import { createCoordinatorMetrics } from './metrics.ts'
import { createOrderDesk } from './order-desk.ts'
import { createOrders } from './orders.ts'
import type { Policies } from './policies.ts'
import { startPolicyService } from './policy-service.ts'
import type { FleetPort, Upkeep } from './ports.ts'
import { ownVersion } from './own-version.ts'
import { programFolder } from './program-folder.ts'
import { createPurges, type Purges } from './purges.ts'
import { RequestTally } from './request-tally.ts'
import { runCore } from './run.ts'
import { followSiblings, type Siblings } from './siblings.ts'
import { claimForFleet } from './store/facts.ts'
import { coordinatorsStore } from './store/coordinators.ts'
import { orderStore } from './store/orders.ts'
import { policyStore } from './store/policies.ts'
import { alertRuleStore, alertStore } from './store/alerts.ts'
import { accountStore } from './store/accounts.ts'
import { openAudit, type AuditChain } from './store/audit.ts'
import { createChange } from './store/change.ts'
import type { Database } from './store/database.ts'
import { watchLeading } from './store/leading.ts'
import { openDatabase } from './store/open.ts'
import { fleetQueries } from './store/fleet-queries.ts'
import { noticedStore } from './store/noticed.ts'
import { seriesStore } from './store/series.ts'
import { openSecrets } from './store/secrets.ts'
import { createStore } from './store/store.ts'
import { createUpkeep } from './store/upkeep.ts'

const pageFolder = new URL('dist/page/', programFolder)

/** The embedded gateway joins at once; a ticket that lies around for longer is of no use to anybody. */
const gatewayTicketMs: Millis = 10 * minuteMs
const eventsShown = 20

export interface GatewayOptions {
  readonly dataFolder: string
  readonly ticket: string
  readonly site: SiteId
  /** Of the coordinator: one process, one collector. */
  readonly tracesEndpoint: string | null
  readonly log: Log
}
export interface RunningGateway {
  stop(): Promise<void>
  describe(): NonNullable<StatusView['gateway']>
}
export type StartGateway = (options: GatewayOptions) => Promise<RunningGateway>

export interface Coordinator {
  readonly id: AgentId
  readonly fleet: AgentId
  readonly listening: Endpoint
  readonly addresses: readonly string[]
  /** For who runs it in the same process: in the audit log it is the coordinator itself that acts. */
  readonly enrolment: {
    createTicket(request: TicketRequest): ReturnType<Enrolment['createTicket']>
    tickets(): ReturnType<Enrolment['tickets']>
    revoke(agent: AgentId, reason: string): Promise<boolean>
  }
  readonly purges: { purge(request: PurgeRequest, reason: string): ReturnType<Purges['purge']> }
  /** The code for the first admin, at the very first start only. */
  readonly firstAdmin: FirstAdminCode | null
  /** SHA-256 of the certificate that browsers see, for people to compare. */
  readonly pageFingerprint: string
  readonly policies: Policies
  readonly fleetView: FleetView
  /** Writes down what agents told. */
  flush(): Promise<void>
  /** What is done once a minute, now. */
  everyMinute(): Promise<void>
  readonly routes: readonly string[]
  status(): Promise<StatusView>
  stop(): Promise<void>
}

export interface CoordinatorWorld {
  readonly log: Log
  /** Needed when the config asks for a gateway. */
  readonly startGateway?: StartGateway
  readonly clock?: () => Millis
}

/** @throws StarlingError for keys, store, port and gateway; what was already started is stopped again then. */
export async function createCoordinator(
  config: CoordinatorConfig,
  world: CoordinatorWorld
): Promise<Coordinator> {
  const { log, clock = Date.now } = world
  const undo: Array<() => Promise<void> | void> = []
  const stop = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step()
  }
  try {
    const version = await ownVersion()
    const keys = await loadAuthorityKeys(config.dataFolder)
    const authority = createAuthority(keys)
    const adminToken = await loadOrCreateAdminToken(config.dataFolder)
    const { database, secrets, audit, upkeep } = await openKept(config, log, clock, authority.fleet)
    undo.push(() => database.close())
    const spans = await openSpans(
      config.tracesEndpoint,
      { name: 'starling-coordinator', version, id: authority.coordinator },
      log
    )
    undo.push(() => spans.close())
    const { leader, leads } = watchLeading(database)
    const retention = { audit, keepMs: config.auditKeepMs, clock, log }
    undo.push(leader('audit-retention', until => void keepAuditShort(retention, until)))
    const change = createChange(database, audit, secrets)
    const accounts = createAccounts(accountStore(database, audit), config.dataFolder, clock)
    const store = createStore(database, log)
    undo.push(() => store.close())

    const fleet = runCore(createCoordinatorCore(config), {
      clock,
      presence: (agent, online) => {
        log.info({ agent }, online ? 'agent online' : 'agent offline')
      }
    })
    undo.push(() => {
      fleet.stop()
    })
    // Before whoever asks again when it hears of a change.
    const cached = cachedReads(database.listen, store)
    undo.push(() => {
      cached.stop()
    })
    const reports = new ReportBook()
    const spread = new SpreadBook(() => reports.all())
    const paces = new PaceBook()
    const belonging: Pick<FleetPort, 'enrolled' | 'revoked'> = {
      enrolled(agent, site, role) {
        fleet.enrolled(agent, site, role)
      },
      revoked(agent) {
        fleet.revoked(agent)
        const told = reports.of(agent)
        reports.forget(agent)
        spread.changed(told, null, clock())
        paces.heard(agent, null, clock())
      }
    }
    undo.push(await followMembers(database.listen, store, belonging, log))

    let addresses: readonly string[] = []
    let siblings: Siblings | null = null
    let gateway: RunningGateway | null = null
    const startedAt = clock()
    const enrolment = createEnrolment({
      store,
      cached,
      change,
      authority,
      fleet,
      clock,
      addresses: () => addresses,
      site: config.site,
      credentialLifeMs: config.credentialLifeMs,
      heartbeatMs: config.heartbeatMs
    })
    const purges = createPurges(cached, change, clock)
    const orderDesk = createOrderDesk({ store: orderStore(database), log }, clock)
    undo.push(() => orderDesk.stop())
    const series = seriesStore(database)
    const webhook = createWebhookBook(name => secrets.read(name), change, sendToWebhook, clock)
    const notice = createNoticer({
      store: noticedStore(database),
      decide: noticing,
      heartbeatMs: config.heartbeatMs,
      clock
    })
    const placeAgents = createPlacer({
      store: noticedStore(database),
      said: () => policy.policies.said(),
      decide: placementOf,
      place: (agent, site, why) => enrolment.place(agent, site, why),
      heartbeatMs: config.heartbeatMs,
      clock,
      log
    })
    const book = createFleetBook({
      store: series,
      reports,
      spread,
      paces,
      online: () => fleet.present(),
      hasGateway: site => fleet.hasGateway(site),
      lead: onLeader => leader('figures', onLeader),
      asLeader: [
        () => enrolment.supersede(),
        () => enrolment.shortenRevocations(),
        notice,
        placeAgents,
        () => alerting.work()
      ],
      clock,
      log
    })
    undo.push(() => book.stop())
    const fleetView = createFleetView({
      store: fleetQueries(database),
      series,
      book,
      isOnline: agent => fleet.online(agent),
      standingOf: member => policy.standingOf(member),
      heartbeatMs: config.heartbeatMs,
      clock
    })
    const alerting = createAlerting({
      store: alertStore(database),
      ruleStore: alertRuleStore(database),
      change,
      series,
      view: fleetView,
      decide: { alertRulesWith, changedRule, stepAlerts },
      webhook: () => webhook.read(),
      send: sendToWebhook,
      clock,
      log
    })
    const policy = await startPolicyService(
      {
        store: policyStore(database),
        fleet: store,
        authority,
        enrolment,
        purges,
        orders: orderDesk,
        change,
        createCore: createRolloutCore,
        listen: (channel, handler) => database.listen(channel, handler),
        lead: onLeader => leader('rollouts', onLeader),
        spans,
        clock,
        log
      },
      config
    )
    const status = async (): Promise<StatusView> => {
      const agents = await store.agents()
      return {
        coordinator: authority.coordinator,
        fleet: authority.fleet,
        site: config.site,
        addresses,
        startedAt,
        agents: agents.filter(({ revokedAt }) => revokedAt === null).length,
        ...fleet.counts(),
        revoked: agents.filter(({ revokedAt }) => revokedAt !== null).length,
        gateway: gateway?.describe() ?? null,
        events: await store.events(eventsShown)
      }
    }
    const page = await loadPageCertificate(
      config.dataFolder,
      config.pageCertificate,
      reachableAddresses(config.advertise, config.listen),
      clock()
    )
    const requests = new RequestTally()
    const fleetFigures = createFleetFigures({
      queries: fleetQueries(database),
      series,
      alerts: alertStore(database),
      policies: policyStore(database),
      revocations: () => cached.revocations(),
      auditEntries: async () => (await audit.page({ count: 1 }))[0]?.number ?? 0,
      databaseBytes: () => database.sizeBytes(),
      onlineSince: () => onlineSince(config.heartbeatMs, clock()),
      clock,
      log
    })
    const metrics = createCoordinatorMetrics(async () => {
      const { online, gatewaysOnline } = fleet.counts()
      const { queries, transactions, failed } = database.timings
      return {
        fleet: await fleetFigures(),
        now: clock(),
        startedAt,
        version,
        online,
        gatewaysOnline,
        newsWaiting: policy.news.waiting(),
        leads: leads(),
        acknowledged: policy.acknowledged(),
        taken: series.taken(),
        rules: await alerting.rules(),
        database: { kind: database.kind, queries, transactions, failed }
      }
    }, requests)
    const api = createApi(await createTlsIdentity(keys.coordinator), page, {
      enrolment,
      purges,
      policy,
      orders: {
        ...createOrders({
          store: orderStore(database),
          desk: orderDesk,
          agents: () => store.agents(),
          change,
          clock
        }),
        desk: orderDesk
      },
      fleet,
      book,
      fleetView,
      alerting,
      webhook,
      store,
      clock,
      adminToken,
      accounts,
      audit,
      upkeep,
      metrics,
      requests,
      spans,
      log,
      status,
      assets: await loadAssets(pageFolder),
      heartbeatMs: config.heartbeatMs,
      coordinators: () => siblings?.list() ?? []
    })
    undo.push(() => api.close())
    // First, so that who waits for news is answered and not cut off.
    undo.push(() => policy.stop())
    const listening = await api.listen(config.listen)
    addresses = reachableAddresses(config.advertise, listening)
    const followed = followSiblings({
      self: { id: authority.coordinator, addresses },
      store: coordinatorsStore(database),
      listen: database.listen,
      clock,
      log
    })
    siblings = followed
    undo.push(() => {
      followed.stop()
    })
    await writeRunningFile(config.dataFolder, {
      ...listening,
      coordinator: authority.coordinator,
      pid: process.pid
    })
    undo.push(() => removeRunningFile(config.dataFolder))
    log.info(
      { coordinator: authority.coordinator, fleet: authority.fleet, ...listening, addresses },
      'coordinator listens'
    )

    const firstAdmin = await accounts.offerFirstAdminOnce()
    if (config.gateway && world.startGateway !== undefined) {
      const { ticket } = await enrolment.createTicket(
        { site: config.site, role: 'gateway', uses: 1, expiresInMs: gatewayTicketMs },
        byItself('ticket.create')
      )
      const started = await world.startGateway({
        dataFolder: join(config.dataFolder, 'gateway'),
        ticket,
        site: config.site,
        tracesEndpoint: config.tracesEndpoint,
        log
      })
      gateway = started
      undo.push(() => started.stop())
    }
    return {
      id: authority.coordinator,
      fleet: authority.fleet,
      listening,
      addresses,
      enrolment: {
        tickets: () => enrolment.tickets(),
        createTicket: request => enrolment.createTicket(request, byItself('ticket.create')),
        revoke: (agent, reason) => enrolment.revoke(agent, reason, byItself('agent.revoke'))
      },
      purges: { purge: (request, reason) => purges.purge(request, reason, byItself('content.purge')) },
      firstAdmin,
      pageFingerprint: fingerprintOf(page),
      policies: policy.policies,
      fleetView,
      everyMinute: () => book.everyMinute(),
      flush: async () => {
        await store.flush()
        await book.flush()
      },
      routes: api.routes(),
      status,
      stop
    }
  } catch (error) {
    await stop()
    throw error
  }
}

interface Kept {
  readonly database: Database
  readonly secrets: Awaited<ReturnType<typeof openSecrets>>
  readonly audit: AuditChain
  readonly upkeep: Upkeep
}

async function openKept(
  { dataFolder, database: elsewhere, masterKey }: CoordinatorConfig,
  log: Log,
  clock: () => Millis,
  fleet: AgentId | null = null
): Promise<Kept> {
  const database = await openDatabase(elsewhere ?? { folder: dataFolder }, log)
  try {
    // First: of another fleet's database we have no master key either, and that would say less.
    if (fleet !== null) await claimForFleet(database, fleet)
    const secrets = await openSecrets(database, await loadMasterKey(masterKey), clock, fits =>
      findMasterKey(masterKey, fits)
    )
    const audit = await openAudit(database, secrets, clock)
    const upkeep = createUpkeep(database, {
      secrets,
      audit,
      dataFolder,
      bringMasterKey: from => bringMasterKey(masterKey, from)
    })
    return { database, secrets, audit, upkeep }
  } catch (error) {
    await database.close()
    throw error
  }
}

/** What a coordinator keeps, for commands while none runs. @throws StarlingError `store-locked` when one does */
export async function openOffline(
  config: CoordinatorConfig,
  log: Log
): Promise<Omit<Kept, 'database'> & { close(): Promise<void> }> {
  const { database, ...kept } = await openKept(config, log, Date.now)
  return { ...kept, close: () => database.close() }
}
