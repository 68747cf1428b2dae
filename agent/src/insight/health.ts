/**
 * What is well with this agent and what is not, each with what to do: the page's section Health and `starling doctor`. Pure: facts in, a
 * verdict out. A check that cannot be made says so; it never guesses.
 */
import { clockToleranceMs } from '@starling/shared/credential.ts'
import { modes, paramsOf, type Verdict } from '@starling/shared/policy/peering.ts'
import { GiB, minuteMs, secondMs, type Bytes, type Millis } from '@starling/shared/units.ts'
import type { CoordinatorLinkPort, StoreUsage, UpstreamView } from '../ports.ts'
import type { HealthCheck, HealthName, HealthView } from '../views.ts'

export interface HealthFacts {
  readonly now: Millis
  readonly startedAt: Millis
  readonly coordinator: ReturnType<CoordinatorLinkPort['state']>
  readonly gatewaysLinked: number
  readonly peersLinked: number
  readonly upstreams: readonly UpstreamView[]
  /** False: configuration has turned it off. */
  readonly mdns: boolean
  readonly multicastHeard: boolean
  /** Another agent has opened a connection to this one. */
  readonly dialled: boolean
  /** Addresses at which this agent waits for others. */
  readonly addresses: readonly string[]
  readonly bulkPort: number
  readonly platform: string
  readonly disk: StoreUsage
  /** Of what is used, what nothing may push out. */
  readonly pinnedBytes: Bytes
  /** The coordinator's clock less this machine's. */
  readonly clockOffsetMs: Millis
  /** Of the configuration: sentences, and settings that wait for a restart. */
  readonly policyProblems: readonly string[]
  readonly policyWaiting: readonly string[]
  readonly peering: Verdict
  /** DODownloadMode. */
  readonly mode: number
  readonly proxy:
    | { readonly kind: 'answered'; readonly ms: Millis }
    | { readonly kind: 'failed'; readonly problem: string }
  readonly proxyAddress: string
  /** What `starling configure` has pointed, for the machine, at ports where this agent does not listen now; a text: why that cannot be told. */
  readonly strayClients: ReadonlyArray<{ readonly item: string; readonly port: number }> | string
}

/** Until then a machine that has just started need not have met anybody. */
const settledMs: Millis = 2 * minuteMs
/** Until then an agent that has just started need not have reached its coordinator: it tries, and tries again. */
const reachedMs: Millis = minuteMs / 2
/** Off by more than this, and logs of two machines are hard to compare. */
const clockWarnMs: Millis = 30 * secondMs
/** There should be room for a large update above what must stay free anyway. */
const lowDiskBytes = GiB

/** Of a small quota pins must leave that much free; of a large one, room for a large update. */
const pinsLeaveShare = 0.1

const order = ['ok', 'unknown', 'warn', 'bad'] as const

export function healthOf(facts: HealthFacts): HealthView {
  const checks = [
    coordinator(facts),
    gateway(facts),
    mdns(facts),
    dialable(facts),
    firewall(facts),
    disk(facts),
    clock(facts),
    policy(facts),
    proxy(facts),
    clients(facts)
  ]
  const worst = Math.max(...checks.map(({ state }) => order.indexOf(state)))
  // That something cannot be checked is no trouble.
  const state = order[worst] === 'unknown' ? 'ok' : order[worst]!
  return { at: facts.now, state, checks }
}

type Found = Omit<HealthCheck, 'name' | 'params' | 'advice'> & {
  readonly params?: HealthCheck['params']
  readonly advice?: string
}

const check = (name: HealthName, { params = {}, advice, ...found }: Found): HealthCheck => ({
  name,
  ...found,
  params,
  advice: advice ?? null
})

function coordinator({ coordinator: { kind, since, problem }, now, startedAt }: HealthFacts): HealthCheck {
  const minutes = Math.floor((now - since) / minuteMs)
  const why = problem === null ? '' : ` (${problem})`
  switch (kind) {
    case 'none':
      return check('coordinator', {
        state: 'ok',
        code: 'coordinator-none',
        text: 'this agent has no coordinator'
      })
    case 'connected':
      return check('coordinator', {
        state: 'ok',
        code: 'coordinator-connected',
        params: { minutes },
        text: `connected for ${minutes} min`
      })
    case 'never':
      if (now - startedAt < reachedMs)
        return check('coordinator', {
          state: 'unknown',
          code: 'coordinator-early',
          params: { problem: problem ?? '' },
          text: `not reached so far${why}; this agent has just started, and tries again`
        })
      return check('coordinator', {
        state: 'bad',
        code: 'coordinator-never',
        params: { problem: problem ?? '' },
        text: `never reached${why}`,
        advice:
          'check that this machine can open HTTPS connections to the coordinator, and that the ticket is still good: `starling join` tells why it is refused'
      })
    case 'lost':
      return check('coordinator', {
        state: 'warn',
        code: 'coordinator-lost',
        params: { minutes, problem: problem ?? '' },
        text: `lost ${minutes} min ago${why}`,
        advice:
          'downloads go on without it; check that the coordinator runs and that this machine can open HTTPS connections to it'
      })
  }
}

function gateway({ gatewaysLinked, upstreams }: HealthFacts): HealthCheck {
  const servers = upstreams.filter(({ kind }) => kind !== 'direct')
  const up = servers.filter(({ state }) => state !== 'down')
  const first = servers.find(({ state }) => state === 'down')
  if (first !== undefined)
    return check('gateway', {
      // Another one does its work.
      state: up.length > 0 || gatewaysLinked > 0 ? 'warn' : 'bad',
      code: 'gateway-down',
      params: { name: first.name, problem: first.lastProblem?.text ?? '' },
      text: `${first.name} does not answer${first.lastProblem === null ? '' : ` (${first.lastProblem.text})`}`,
      advice: 'check that it runs and can be reached from here; `starling upstreams` shows how each does'
    })
  if (gatewaysLinked > 0)
    return check('gateway', {
      state: 'ok',
      code: 'gateway-linked',
      params: { count: gatewaysLinked },
      text: `connected with ${gatewaysLinked}`
    })
  if (up.length > 0) {
    const names = up.map(({ name }) => name).join(', ')
    return check('gateway', {
      state: 'ok',
      code: 'gateway-asked',
      params: { names },
      text: `what is missing is asked of ${names}`
    })
  }
  return check('gateway', {
    state: 'ok',
    code: 'gateway-none',
    text: 'none is known: what is missing comes from the origin'
  })
}

function mdns({ mdns: isOn, multicastHeard, peersLinked, startedAt, now }: HealthFacts): HealthCheck {
  if (!isOn)
    return check('mdns', { state: 'ok', code: 'mdns-off', text: 'turned off by the configuration (mdns)' })
  if (multicastHeard)
    return check('mdns', { state: 'ok', code: 'mdns-heard', text: 'other agents are heard by multicast' })
  if (now - startedAt < settledMs)
    return check('mdns', { state: 'unknown', code: 'mdns-early', text: 'nobody has been heard so far' })
  return check('mdns', {
    state: 'warn',
    code: 'mdns-silent',
    params: { peers: peersLinked },
    text: 'no other agent was heard by multicast',
    advice:
      peersLinked > 0
        ? 'peers are found in other ways; for mDNS, allow UDP port 5353 and multicast between the machines (Wi-Fi client isolation and IGMP snooping are the usual reasons)'
        : 'if there are other agents on this network: allow UDP port 5353 and multicast between the machines (Wi-Fi client isolation and IGMP snooping are the usual reasons), or name some in staticPeers'
  })
}

function dialable({ dialled, peersLinked, addresses, startedAt, now }: HealthFacts): HealthCheck {
  if (dialled)
    return check('dialable', {
      state: 'ok',
      code: 'dialable-seen',
      text: 'other agents have opened connections to this one'
    })
  if (addresses.length === 0)
    return check('dialable', {
      state: 'bad',
      code: 'dialable-nowhere',
      text: 'this agent has no address at which others could reach it',
      advice: 'check listen.host, and that a network is connected'
    })
  if (peersLinked === 0 || now - startedAt < settledMs)
    return check('dialable', {
      state: 'unknown',
      code: 'dialable-untried',
      text: 'no other agent has tried so far'
    })
  return check('dialable', {
    state: 'warn',
    code: 'dialable-unseen',
    params: { peers: peersLinked },
    text: `connected with ${peersLinked}, but each time it was this agent that opened the connection`,
    advice: `others may not get through to this machine: allow inbound TCP to ${addresses[0]}`
  })
}

function firewall({ dialled, platform, addresses, bulkPort }: HealthFacts): HealthCheck {
  if (dialled)
    return check('firewall', {
      state: 'ok',
      code: 'firewall-open',
      text: 'connections of other agents get through'
    })
  const ports = [
    ...new Set([...addresses.map(address => /\/tcp\/(\d+)/.exec(address)?.[1]), String(bulkPort)])
  ].filter(port => port !== undefined)
  const told = ports.join(' and ')
  return check('firewall', {
    state: 'unknown',
    code: 'firewall-unknown',
    params: { ports: ports.join(', ') },
    text: 'cannot be checked from inside: no connection of another agent has come through so far',
    advice:
      platform === 'win32'
        ? `the installer makes the rules; without it, allow inbound TCP ${told} and UDP 5353 for the domain and private profiles in Windows Defender Firewall`
        : `allow inbound TCP ${told} and UDP 5353`
  })
}

function disk({ disk: usage, pinnedBytes }: HealthFacts): HealthCheck {
  const { usedBytes, quotaBytes, freeBytes, floorBytes } = usage
  const params = { usedBytes, quotaBytes, freeBytes, floorBytes, pinnedBytes }
  const free = `${(freeBytes / GiB).toFixed(1)} GiB free, ${(floorBytes / GiB).toFixed(1)} GiB must stay free`
  const advice = 'free some space on the volume of the cache, or move the cache (DOModifyCacheDrive)'
  if (freeBytes <= floorBytes)
    return check('disk', {
      state: 'bad',
      code: 'disk-full',
      params,
      text: `${free}: nothing more is kept, downloads are passed on only`,
      advice
    })
  // Nothing makes room there: what is pinned stays, and the quota has none besides.
  if (pinnedBytes > 0 && pinnedBytes > quotaBytes - Math.min(lowDiskBytes, quotaBytes * pinsLeaveShare))
    return check('disk', {
      state: 'warn',
      code: 'disk-pins',
      params,
      text: `pinned content takes ${(pinnedBytes / GiB).toFixed(1)} GiB of the ${(quotaBytes / GiB).toFixed(1)} GiB that the cache may have: hardly anything else is kept`,
      advice:
        'unpin something (`starling cache unpin`, or withdraw the order that keeps it), or let the cache have more (DOAbsoluteMaxCacheSize, DOMaxCacheSize)'
    })
  if (freeBytes < floorBytes + lowDiskBytes)
    return check('disk', { state: 'warn', code: 'disk-low', params, text: free, advice })
  return check('disk', { state: 'ok', code: 'disk-free', params, text: free })
}

function clock({ coordinator: { kind }, clockOffsetMs }: HealthFacts): HealthCheck {
  if (kind === 'none' || kind === 'never')
    return check('clock', {
      state: 'unknown',
      code: 'clock-unknown',
      text: 'there is no coordinator to compare it with'
    })
  const seconds = Math.round(clockOffsetMs / secondMs)
  const params = { seconds }
  const text = `${Math.abs(seconds)} s ${seconds < 0 ? 'ahead of' : 'behind'} the coordinator's`
  const advice = 'have Windows Time (or another NTP client) set this clock; `w32tm /resync` does it at once'
  if (Math.abs(clockOffsetMs) > clockToleranceMs)
    return check('clock', { state: 'bad', code: 'clock-wrong', params, text, advice })
  if (Math.abs(clockOffsetMs) > clockWarnMs)
    return check('clock', { state: 'warn', code: 'clock-off', params, text, advice })
  return check('clock', { state: 'ok', code: 'clock-right', params, text })
}

function policy({ policyProblems, policyWaiting, peering, mode }: HealthFacts): HealthCheck {
  const [problem] = policyProblems
  if (problem !== undefined)
    return check('policy', {
      state: 'warn',
      code: 'policy-problem',
      params: { problem, count: policyProblems.length },
      text: problem,
      advice: '`starling config check` tells each problem with its place'
    })
  const isChosen = [modes.httpOnly, modes.simple, modes.bypass].some(chosen => chosen === mode)
  if (!peering.allowed && !isChosen)
    return check('policy', {
      state: 'warn',
      code: 'policy-no-peering',
      params: paramsOf(peering),
      text: `peering is not allowed: ${peering.why}`,
      advice: '`starling policy show` tells where each value comes from'
    })
  if (policyWaiting.length > 0)
    return check('policy', {
      state: 'warn',
      code: 'policy-waits',
      params: { settings: policyWaiting.join(', ') },
      text: `changed, and takes effect at the next start: ${policyWaiting.join(', ')}`,
      advice: 'restart the agent'
    })
  // That a machine shares with nobody because its admin wants it so is no trouble.
  if (isChosen)
    return check('policy', {
      state: 'ok',
      code: 'policy-alone',
      params: { mode },
      text: `in force: sharing with peers is off, as DODownloadMode ${mode} says`
    })
  return check('policy', { state: 'ok', code: 'policy-in-force', text: 'in force without problems' })
}

function proxy({ proxy: answer, proxyAddress }: HealthFacts): HealthCheck {
  if (answer.kind === 'answered')
    return check('proxy', {
      state: 'ok',
      code: 'proxy-answers',
      params: { ms: Math.round(answer.ms) },
      text: `answered a request at ${proxyAddress} in ${Math.round(answer.ms)} ms`
    })
  return check('proxy', {
    state: 'bad',
    code: 'proxy-fails',
    params: { problem: answer.problem },
    text: `did not answer a request at ${proxyAddress}: ${answer.problem}`,
    advice: 'programs on this machine cannot download through it: restart the agent, and see its log'
  })
}

/** By our notes alone: what stands there by now, and what users have set for themselves, is not seen from here. */
function clients({ strayClients, proxyAddress }: HealthFacts): HealthCheck {
  if (typeof strayClients === 'string')
    return check('clients', {
      state: 'unknown',
      code: 'clients-unknown',
      params: { problem: strayClients },
      text: `what \`starling configure\` has set for the machine cannot be told: ${strayClients}`,
      advice: '`starling configure --list`, as administrator, tells what is set'
    })
  if (strayClients.length === 0)
    return check('clients', {
      state: 'ok',
      code: 'clients-served',
      text: 'nothing that `starling configure` has set for the machine names a port where this agent does not listen'
    })
  const port = Number(new URL(proxyAddress).port || '80')
  const astray = strayClients.map(({ item, port: to }) => `${item} at ${to}`).join(', ')
  const items = [...new Set(strayClients.map(({ item }) => item))].join(' ')
  return check('clients', {
    state: 'warn',
    code: 'clients-astray',
    params: { clients: astray, port: String(port), items },
    text: `set for the machine at ports where this agent does not listen: ${astray}; the proxy listens on ${port}`,
    advice:
      `\`starling configure --apply ${items}\` points them at this agent as it listens now; \`starling configure --undo ${items}\` puts back ` +
      'what was there, and ends this warning also where somebody has set something else since'
  })
}
