/**
 * The composition root: reads nothing, decides nothing, puts the parts together and takes them apart again.
 */
import { join } from 'node:path'
import { createTlsIdentity } from '@starling/agent/identity/certificate.ts'
import type { StatusView, TicketRequest } from '@starling/shared/admin-api/fleet.ts'
import { minuteMs, type Millis } from '@starling/shared/units.ts'
import type { AgentId, SiteId } from '@starling/shared/ids.ts'
import type { PurgeRequest } from '@starling/shared/purge.ts'
import { createAccounts, type FirstAdminCode } from './accounts.ts'
import { loadOrCreateAdminToken, removeRunningFile, writeRunningFile } from './admin-files.ts'
import { byItself } from './by.ts'
import { createApi } from './api/server.ts'
import { createAuthority, loadAuthorityKeys } from './authority.ts'
import { reachableAddresses, type CoordinatorConfig, type Endpoint } from './config.ts'
import { alertRules, stepAlerts } from './core/alerts.ts'
import { createCoordinatorCore } from './core/coordinator.ts'
import { createRolloutCore } from './core/rollout.ts'
import { ReportBook } from './core/report-book.ts'
import { createEnrolment, type Enrolment } from './enrolment.ts'
import { cachedReads } from './fleet/cached-reads.ts'
import type { FleetView } from './fleet-ports.ts'
import { createFleetView } from './fleet/fleet-view.ts'
import { createAlerting } from './fleet/alerting.ts'
import { sendToWebhook } from './fleet/webhook.ts'
import { createWebhookBook } from './fleet/webhook-book.ts'
import { createFleetBook } from './fleet/fleet-book.ts'
import type { Log } from './log.ts'
import { followMembers } from './members.ts'
import type { Policies } from './policies.ts'
import { startPolicyService } from './policy-service.ts'
import { createPurges, type Purges } from './purges.ts'
import { runCore } from './run.ts'
import { claimForFleet } from './store/facts.ts'
import { policyStore } from './store/policies.ts'
import { loadMasterKey } from './master-key.ts'
import { alertStore } from './store/alerts.ts'
import { accountStore } from './store/accounts.ts'
import { openAudit } from './store/audit.ts'
import { createChange } from './store/change.ts'
import { openDatabase } from './store/open.ts'
import { fleetQueries } from './store/fleet-queries.ts'
import { seriesStore } from './store/series.ts'
import { openSecrets } from './store/secrets.ts'
import { createStore } from './store/store.ts'

/** The embedded gateway joins at once; a ticket that lies around for longer is of no use to anybody. */
const gatewayTicketMs: Millis = 10 * minuteMs
const eventsShown = 20

export interface GatewayOptions {
  readonly dataFolder: string
  readonly ticket: string
  readonly site: SiteId
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
  readonly policies: Policies
  /** For who runs it in the same process: in the audit log it is the coordinator itself that acts. */
  readonly enrolment: {
    createTicket(request: TicketRequest): ReturnType<Enrolment['createTicket']>
    tickets(): ReturnType<Enrolment['tickets']>
    revoke(agent: AgentId, reason: string): Promise<boolean>
  }
  readonly purges: { purge(request: PurgeRequest, reason: string): ReturnType<Purges['purge']> }
  /** The code for the first admin, at the very first start only. */
  readonly firstAdmin: FirstAdminCode | null
  readonly fleetView: FleetView
  /** Writes down what agents told. */
  flush(): Promise<void>
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
    const keys = await loadAuthorityKeys(config.dataFolder)
    const authority = createAuthority(keys)
    const adminToken = await loadOrCreateAdminToken(config.dataFolder)
    const database = await openDatabase(config.database ?? { folder: config.dataFolder }, log)
    undo.push(() => database.close())
    await claimForFleet(database, authority.fleet)
    const secrets = await openSecrets(database, await loadMasterKey(config.masterKey), clock)
    const audit = await openAudit(database, secrets, clock)
    const change = createChange(database, audit)
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
    undo.push(await followMembers(database.listen, store, fleet, log))

    let addresses: readonly string[] = []
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
    const series = seriesStore(database)
    const reports = new ReportBook()
    const webhook = createWebhookBook(
      {
        read: name => secrets.read(name),
        write: (name, plain) =>
          database.transaction(async transaction => {
            if (plain === null) await secrets.remove(transaction, name)
            else await secrets.write(transaction, name, plain)
          })
      },
      sendToWebhook,
      clock
    )
    const book = createFleetBook({
      store: series,
      reports,
      online: () => fleet.present(),
      hasGateway: site => fleet.hasGateway(site),
      lead: onLeader => database.leader('figures', onLeader),
      asLeader: [() => enrolment.supersede(), () => alerting.work()],
      clock,
      log
    })
    undo.push(() => book.stop())
    const fleetView = createFleetView({
      store: fleetQueries(database),
      series,
      book,
      heartbeatMs: config.heartbeatMs,
      clock
    })
    const alerting = createAlerting({
      store: alertStore(database),
      series,
      view: fleetView,
      decide: (known, measured, now) => stepAlerts(known, measured, alertRules, now),
      rules: alertRules,
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
        createCore: createRolloutCore,
        listen: (channel, handler) => database.listen(channel, handler),
        lead: onLeader => database.leader('rollouts', onLeader),
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
    const api = createApi(await createTlsIdentity(keys.coordinator), {
      enrolment,
      purges,
      policy,
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
      log,
      status,
      heartbeatMs: config.heartbeatMs,
      addresses: () => addresses
    })
    undo.push(() => api.close())
    // First, so that who waits for news is answered and not cut off.
    undo.push(() => policy.stop())
    const listening = await api.listen(config.listen)
    addresses = reachableAddresses(config.advertise, listening)
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
      policies: policy.policies,
      fleetView,
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
