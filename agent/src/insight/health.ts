/**
 * What is well with this agent and what is not, each with what to do: the page's section Health and `starling doctor`. Pure: facts in, a
 * verdict out. A check that cannot be made says so; it never guesses.
 */
import { clockToleranceMs } from '@starling/shared/credential.ts'
import { paramsOf, type Verdict } from '@starling/shared/policy/peering.ts'
import { GiB, minuteMs, secondMs, type Millis } from '@starling/shared/units.ts'
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
  /** The coordinator's clock less this machine's. */
  readonly clockOffsetMs: Millis
  /** Of the configuration: sentences, and settings that wait for a restart. */
  readonly policyProblems: readonly string[]
  readonly policyWaiting: readonly string[]
  readonly peering: Verdict
  readonly proxy:
    | { readonly kind: 'answered'; readonly ms: Millis }
    | { readonly kind: 'failed'; readonly problem: string }
  readonly proxyAddress: string
}

/** Until then a machine that has just started need not have met anybody. */
const settledMs: Millis = 2 * minuteMs
/** Off by more than this, and logs of two machines are hard to compare. */
const clockWarnMs: Millis = 30 * secondMs
/** There should be room for a large update above what must stay free anyway. */
const lowDiskBytes = GiB

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
    proxy(facts)
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

function coordinator({ coordinator: { kind, since, problem }, now }: HealthFacts): HealthCheck {
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

function disk({ disk: { usedBytes, quotaBytes, freeBytes, floorBytes } }: HealthFacts): HealthCheck {
  const params = { usedBytes, quotaBytes, freeBytes, floorBytes }
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

function policy({ policyProblems, policyWaiting, peering }: HealthFacts): HealthCheck {
  const [problem] = policyProblems
  if (problem !== undefined)
    return check('policy', {
      state: 'warn',
      code: 'policy-problem',
      params: { problem, count: policyProblems.length },
      text: problem,
      advice: '`starling config check` tells each problem with its place'
    })
  if (!peering.allowed)
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
