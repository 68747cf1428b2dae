import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createIdentity } from '@starling/agent/identity/keys.ts'
import { loadAuthorityKeys, createAuthority } from '@starling/coordinator/authority.ts'
import { byActor } from '@starling/coordinator/by.ts'
import type { Coordinator } from '@starling/coordinator/coordinator.ts'
import { readAudit } from '@starling/shared/admin-api/audit.ts'
import { addPolicyVersion, rollBackPolicy, startRollout } from '@starling/shared/admin-api/policy.ts'
import { unknownHost, type HostFacts } from '@starling/shared/policy/host-facts.ts'
import type { PolicyScope } from '@starling/shared/policy-scope.ts'
import type { Stage } from '@starling/shared/rollout-plan.ts'
import type { PolicyDocument } from '@starling/shared/signed-policy.ts'
import { GiB, dayMs, hourMs, minuteMs, secondMs } from '@starling/shared/units.ts'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { startControlPlane } from './control-plane.ts'
import { createJoinLab, movableClock, type TestAgent } from './lab.ts'

const lab = createJoinLab()
afterEach(async () => {
  await lab.end()
})
const eventually = (check: () => unknown): Promise<unknown> =>
  vi.waitFor(check, { timeout: 8000, interval: 10 })

const ada = byActor({ kind: 'account', name: 'ada', role: 'admin', site: null }, 'policy.change', '')

/** What comes cannot have come with a heartbeat. */
const rareHeartbeats = { heartbeatMs: hourMs }
const everybody: Stage[] = [{ who: { percent: 100 }, holdMs: null }]

async function roll(
  coordinator: Coordinator,
  document: PolicyDocument,
  scope: PolicyScope = 'fleet',
  stages = everybody
): Promise<number> {
  const { version } = await coordinator.policies.add(scope, document, {
    by: ada,
    reason: '',
    dryRun: false
  })
  await coordinator.policies.startRollout(scope, version!, stages, ada)
  return version!
}

/** To everybody, without a rollout. */
async function give(coordinator: Coordinator, document: PolicyDocument, scope: PolicyScope = 'fleet') {
  const { version } = await coordinator.policies.add(scope, document, {
    by: ada,
    reason: '',
    dryRun: false
  })
  await coordinator.policies.rollBack(scope, version, { by: ada, reason: '' })
}

async function started(
  coordinator: Coordinator,
  options: Parameters<typeof lab.agent>[1] = {},
  site = 'office'
) {
  const agent = await lab.agent(await lab.ticket(coordinator, { site }), options)
  await agent.link.start()
  return agent
}

const saidTo = (agent: TestAgent) =>
  (agent.applied.at(-1) ?? []).map(({ scope, document }) => ({ [scope]: document }))

describe('a policy', () => {
  it('is pushed to agents that wait for it, and they answer at once', async () => {
    const coordinator = await lab.coordinator(rareHeartbeats)
    const agents = [await started(coordinator), await started(coordinator)]
    await roll(coordinator, { uploadSlots: 3 })
    for (const agent of agents) {
      await eventually(() => {
        expect(saidTo(agent)).toEqual([{ fleet: { uploadSlots: 3 } }])
      })
    }
  })

  it('comes with a heartbeat to an agent that cannot hold a poll', async () => {
    const coordinator = await lab.coordinator()
    // The heartbeats' own is the first.
    const agent = await started(coordinator, { connectionsMax: 1 })
    await eventually(() => {
      expect(agent.link.state().kind).toBe('connected')
    })
    await give(coordinator, { uploadSlots: 3 })
    await eventually(() => {
      expect(saidTo(agent)).toEqual([{ fleet: { uploadSlots: 3 } }])
    })
  })

  it('says to each agent what is for it, the closest first', async () => {
    const coordinator = await lab.coordinator(rareHeartbeats)
    const here = await started(coordinator)
    const there = await started(coordinator, {}, 'branch')
    await give(coordinator, { uploadSlots: 1 })
    await give(coordinator, { uploadSlots: 2 }, 'site:branch')
    await give(coordinator, { uploadSlots: 3 }, 'group:pilots')
    await give(coordinator, { uploadSlots: 4 }, `device:${here.identity.agentId}`)
    await eventually(() => {
      expect(saidTo(there)).toEqual([{ 'site:branch': { uploadSlots: 2 } }, { fleet: { uploadSlots: 1 } }])
      expect(saidTo(here)).toEqual([
        { [`device:${here.identity.agentId}`]: { uploadSlots: 4 } },
        { fleet: { uploadSlots: 1 } }
      ])
    })
  })

  it('is withdrawn when its scope is to have none', async () => {
    const coordinator = await lab.coordinator(rareHeartbeats)
    const agent = await started(coordinator)
    await give(coordinator, { uploadSlots: 1 })
    await eventually(() => {
      expect(saidTo(agent)).toHaveLength(1)
    })
    await coordinator.policies.rollBack('fleet', null, { by: ada, reason: '' })
    await eventually(() => {
      expect(saidTo(agent)).toEqual([])
    })
  })

  it('is what an agent starts with while no coordinator answers', async () => {
    const coordinator = await lab.coordinator(rareHeartbeats)
    const before = await started(coordinator)
    await give(coordinator, { uploadSlots: 3 })
    await eventually(() => {
      expect(saidTo(before)).toHaveLength(1)
    })
    const had = before.policy.report()
    await before.link.stop()
    await coordinator.stop()
    const after = await lab.agent(null, before)
    await after.link.prepare()
    expect(saidTo(after)).toEqual([{ fleet: { uploadSlots: 3 } }])
    expect(after.policy.report()).toEqual(had)
    // Damaged: it starts without, and is sent it again.
    await after.link.stop()
    await writeFile(join(before.folder, 'policy.cbor'), 'x')
    const damaged = await lab.agent(null, before)
    await damaged.link.prepare()
    expect(damaged.applied).toEqual([])
  })

  it('with names that this version does not know is taken without them, and people are told', async () => {
    const coordinator = await lab.coordinator(rareHeartbeats)
    const agent = await started(coordinator)
    await give(coordinator, { uploadSlots: 3 })
    await eventually(() => {
      expect(agent.applied).toHaveLength(1)
    })
    const { signed, fleet } = await signer(coordinator)
    expect(await agent.policy.take(signed({ uploadSlots: 4, dreamSlots: 7 }), fleet)).toBe(true)
    expect(saidTo(agent)).toEqual([{ fleet: { uploadSlots: 4 } }])
    expect(agent.problem).toContain('dreamSlots')
    expect(await agent.policy.take(signed({ uploadSlots: 5 }), fleet)).toBe(true)
    expect(agent.problem).toBeNull()
  })
})

/** Signs as the coordinator does, whatever it is asked to. */
async function signer(coordinator: Coordinator) {
  const authority = createAuthority(await loadAuthorityKeys(lab.folderOf(coordinator)))
  let number = Date.now() + dayMs
  return {
    fleet: coordinator.fleet,
    signed: (document: PolicyDocument, over: { number?: number; scope?: string } = {}) =>
      authority.policy(
        {
          number: over.number ?? ++number,
          scopes: [{ scope: over.scope ?? 'fleet', version: number, document }]
        },
        Date.now()
      )
  }
}

describe('an agent refuses', () => {
  it('an older policy that is played back, one of another fleet, one that somebody changed, and one for others', async () => {
    const coordinator = await lab.coordinator(rareHeartbeats)
    const other = await lab.coordinator(rareHeartbeats)
    const agent = await started(coordinator)
    const { signed, fleet } = await signer(coordinator)
    const first = signed({ uploadSlots: 1 })
    const second = signed({ uploadSlots: 2 })
    expect(await agent.policy.take(first, fleet)).toBe(true)
    expect(await agent.policy.take(second, fleet)).toBe(true)
    const { number } = agent.policy.report()
    const foreign = (await signer(other)).signed({ uploadSlots: 3 })
    const forged = { ...signed({ uploadSlots: 3 }), scopes: [{ scope: 'fleet', version: 9, document: {} }] }
    const forOthers = signed({ uploadSlots: 3 }, { scope: `device:${createIdentity().agentId}` })
    for (const [policy, why] of [
      [first, 'older'],
      [foreign, 'another fleet'],
      [forged, 'signature'],
      [{ ...forged, fleet: other.fleet }, 'another fleet'],
      [forOthers, 'for another agent']
    ] as const) {
      await agent.policy.take(policy, fleet)
      expect(agent.policy.report(), why).toMatchObject({
        number,
        refused: { reason: expect.stringContaining(why) as string }
      })
      expect(saidTo(agent)).toEqual([{ fleet: { uploadSlots: 2 } }])
    }
    // Not even after a restart.
    await agent.link.stop()
    const after = await lab.agent(null, agent)
    await after.link.prepare()
    await after.policy.take(first, fleet)
    expect(saidTo(after)).toEqual([{ fleet: { uploadSlots: 2 } }])
  })

  it('a value out of range, as a whole: half a policy is none', async () => {
    const coordinator = await lab.coordinator(rareHeartbeats)
    const agent = await started(coordinator)
    const { signed, fleet } = await signer(coordinator)
    await agent.policy.take(signed({ uploadSlots: 1 }), fleet)
    await agent.policy.take(signed({ uploadSlots: 2, downloadSlots: -1 }), fleet)
    expect(saidTo(agent)).toEqual([{ fleet: { uploadSlots: 1 } }])
    expect(agent.policy.report().refused?.reason).toContain('downloadSlots')
  })
})

describe('a policy that does not go together with the rest of the configuration', () => {
  it('is refused with the reason, and the one before stays', async () => {
    const coordinator = await lab.coordinator(rareHeartbeats)
    const agent = await started(coordinator)
    await give(coordinator, { uploadSlots: 1 })
    await eventually(() => {
      expect(saidTo(agent)).toHaveLength(1)
    })
    const had = agent.policy.report()
    const { signed, fleet } = await signer(coordinator)
    agent.whyNotApplied = 'the port is taken'
    expect(await agent.policy.take(signed({ uploadSlots: 2 }), fleet)).toBe(true)
    expect(agent.policy.report()).toMatchObject({ ...had, refused: { reason: 'the port is taken' } })
  })
})

describe('a policy that cuts agents off', () => {
  const online = { peers: 0, upstreamTried: 10, upstreamFailed: 1 }

  it('is given back when its trial is over, and the coordinator rolls it back for everybody', async () => {
    const clock = movableClock()
    const coordinator = await lab.coordinator({}, clock)
    const agents = [
      await started(coordinator, { trialMs: 200, reach: online }),
      await started(coordinator, { trialMs: 200, reach: online })
    ]
    await give(coordinator, { uploadSlots: 1 })
    for (const agent of agents) {
      await eventually(() => {
        expect(saidTo(agent)).toEqual([{ fleet: { uploadSlots: 1 } }])
        // The trial of the good one is over.
        expect(agent.looks).toBe(2)
      })
    }
    await roll(coordinator, { uploadSlots: 7 })
    for (const agent of agents) {
      await eventually(() => {
        expect(saidTo(agent)).toEqual([{ fleet: { uploadSlots: 7 } }])
      })
      agent.reach = { peers: 0, upstreamTried: 20, upstreamFailed: 11 }
    }
    for (const agent of agents) {
      await eventually(() => {
        expect(saidTo(agent)).toEqual([{ fleet: { uploadSlots: 1 } }])
        expect(agent.policy.report().refused?.reason).toContain('none of 10 requests upstream succeeded')
      })
    }
    const refusedAt = Date.now()
    await eventually(async () => {
      clock.offsetMs += secondMs
      expect((await coordinator.policies.show('fleet')).rollout?.phase).toMatchObject({ kind: 'rolled-back' })
    })
    expect(Date.now() - refusedAt).toBeLessThan(90 * secondMs)
    const { rollout, current } = await coordinator.policies.show('fleet')
    expect(current).toBe(1)
    expect(rollout?.phase).toMatchObject({ why: expect.stringContaining('requests upstream') as string })
  })

  it('is on trial again after a restart, but not for ever', async () => {
    const coordinator = await lab.coordinator(rareHeartbeats)
    let agent = await started(coordinator, { trialMs: hourMs })
    const { signed, fleet } = await signer(coordinator)
    await agent.policy.take(signed({ uploadSlots: 9 }), fleet)
    for (let start = 0; start < 3; start++) {
      await agent.link.stop()
      agent = await lab.agent(null, { ...agent, trialMs: hourMs })
      await agent.link.prepare()
      expect(saidTo(agent)).toHaveLength(1)
    }
    await agent.link.stop()
    agent = await lab.agent(null, { ...agent, trialMs: hourMs })
    await agent.link.prepare()
    expect(saidTo(agent)).toEqual([])
    expect(agent.policy.report().refused?.reason).toContain('3 times')
  })
})

describe('a policy that needs a restart', () => {
  it('stays on trial until after it', async () => {
    const coordinator = await lab.coordinator(rareHeartbeats)
    const before = await started(coordinator, { trialMs: 20 })
    before.waits = true
    const { signed, fleet } = await signer(coordinator)
    await before.policy.take(signed({ upstreamServers: [] }), fleet)
    await eventually(() => {
      expect(before.looks).toBe(2)
    })
    await before.link.stop()
    // Under it the program dies, at each start.
    for (let start = 0; start < 4; start++) {
      const again = await lab.agent(null, { ...before, trialMs: hourMs })
      await again.link.prepare()
      await again.link.stop()
      expect(saidTo(again)).toHaveLength(start < 3 ? 1 : 0)
    }
  })

  it('is given back after it when nothing upstream can be reached any more', async () => {
    const coordinator = await lab.coordinator(rareHeartbeats)
    const before = await started(coordinator, {
      trialMs: 20,
      reach: { peers: 0, upstreamTried: 10, upstreamFailed: 1 }
    })
    before.waits = true
    const { signed, fleet } = await signer(coordinator)
    await before.policy.take(signed({ upstreamServers: [] }), fleet)
    await eventually(() => {
      expect(before.looks).toBe(2)
    })
    await before.link.stop()
    const after = await lab.agent(null, {
      ...before,
      trialMs: 200,
      reach: { peers: 0, upstreamTried: 0, upstreamFailed: 0 }
    })
    await after.link.prepare()
    expect(saidTo(after)).toHaveLength(1)
    after.reach = { peers: 0, upstreamTried: 4, upstreamFailed: 4 }
    await eventually(() => {
      expect(saidTo(after)).toEqual([])
    })
    expect(after.policy.report().refused?.reason).toContain('none of 4 requests upstream succeeded')
  })
})

describe('a rollout', () => {
  const two: Stage[] = [
    { who: { sites: ['office'] }, holdMs: 10 * minuteMs },
    { who: { percent: 100 }, holdMs: 10 * minuteMs }
  ]

  it('that its coordinator is killed in goes on with the next, and reaches those who were away', async () => {
    const data = await lab.folder()
    const clock = movableClock()
    const first = await lab.coordinator({ data }, clock)
    const here = await started(first)
    const there = await started(first, {}, 'branch')
    await give(first, { uploadSlots: 1 })
    await roll(first, { uploadSlots: 2 }, 'fleet', two)
    await eventually(() => {
      expect(saidTo(here)).toEqual([{ fleet: { uploadSlots: 2 } }])
      expect(saidTo(there)).toEqual([{ fleet: { uploadSlots: 1 } }])
    })
    await first.stop()
    const second = await lab.coordinator({ data, listen: `127.0.0.1:${first.listening.port}` }, clock)
    await eventually(async () => {
      expect((await second.policies.show('fleet')).seen?.reached).toMatchObject({ present: 1, applied: 1 })
    })
    clock.offsetMs += 10 * minuteMs
    await eventually(async () => {
      clock.offsetMs += 50
      expect((await second.policies.show('fleet')).rollout).toMatchObject({ stage: 1 })
      expect(saidTo(there)).toEqual([{ fleet: { uploadSlots: 2 } }])
    })
  })

  it('of which a backup knows nothing is taken back when that is restored', async () => {
    const data = await lab.folder()
    const clock = movableClock()
    const first = await lab.coordinator({ data }, clock)
    const agent = await started(first)
    await give(first, { uploadSlots: 1 })
    await first.stop()
    const backup = await readFile(join(data, 'coordinator.db'))
    const listen = `127.0.0.1:${first.listening.port}`
    const second = await lab.coordinator({ data, listen }, clock)
    await give(second, { uploadSlots: 2 })
    await eventually(() => {
      expect(saidTo(agent)).toEqual([{ fleet: { uploadSlots: 2 } }])
    })
    await second.stop()
    await writeFile(join(data, 'coordinator.db'), backup)
    clock.offsetMs += secondMs
    await lab.coordinator({ data, listen }, clock)
    await eventually(() => {
      expect(saidTo(agent)).toEqual([{ fleet: { uploadSlots: 1 } }])
    })
  })

  it('is paused, resumed, advanced and rolled back by hand', async () => {
    const coordinator = await lab.coordinator(rareHeartbeats)
    const there = await started(coordinator, {}, 'branch')
    await give(coordinator, { uploadSlots: 1 })
    await roll(coordinator, { uploadSlots: 2 }, 'fleet', two)
    const by = { by: ada, reason: 'lunch' }
    const { policies } = coordinator
    expect((await policies.order('fleet', 'pause', by)).rollout?.phase).toEqual({
      kind: 'paused',
      why: 'paused by ada: lunch'
    })
    expect((await policies.order('fleet', 'resume', by)).rollout?.phase).toEqual({ kind: 'running' })
    await expect(roll(coordinator, { uploadSlots: 3 })).rejects.toMatchObject({ code: 'rollout-active' })
    await policies.order('fleet', 'advance', by)
    await eventually(() => {
      expect(saidTo(there)).toEqual([{ fleet: { uploadSlots: 2 } }])
    })
    await policies.rollBack('fleet', undefined, by)
    await eventually(() => {
      expect(saidTo(there)).toEqual([{ fleet: { uploadSlots: 1 } }])
    })
    await expect(policies.order('fleet', 'pause', by)).rejects.toMatchObject({ code: 'no-rollout' })
    await expect(policies.rollBack('fleet', 99, by)).rejects.toMatchObject({ code: 'unknown-policy' })
  })

  it('may not end before everybody of its scope has it', async () => {
    const coordinator = await lab.coordinator(rareHeartbeats)
    await expect(
      roll(coordinator, { uploadSlots: 2 }, 'fleet', [{ who: { percent: 50 }, holdMs: 1 }])
    ).rejects.toMatchObject({ code: 'bad-stages' })
  })
})

describe('a clock that is a day wrong', () => {
  it.each([
    ['of the agent, ahead', dayMs, 0],
    ['of the agent, behind', 0 - dayMs, 0],
    ['of the coordinator, ahead', 0, dayMs],
    ['of the coordinator, behind', 0, 0 - dayMs]
  ])('%s, is in the way of no policy', async (_, agentMs, coordinatorMs) => {
    const [clock, theirs] = [movableClock(), movableClock()]
    theirs.offsetMs = coordinatorMs
    clock.offsetMs = agentMs
    const coordinator = await lab.coordinator(rareHeartbeats, theirs)
    const agent = await started(coordinator, { clock })
    await give(coordinator, { uploadSlots: 1 })
    await eventually(() => {
      expect(saidTo(agent)).toEqual([{ fleet: { uploadSlots: 1 } }])
    })
    // Put right between two policies: numbers grow all the same.
    theirs.offsetMs = 0
    clock.offsetMs = 0
    await give(coordinator, { uploadSlots: 2 })
    await eventually(() => {
      expect(saidTo(agent)).toEqual([{ fleet: { uploadSlots: 2 } }])
    })
  })
})

describe('news', () => {
  it('of a revocation reaches the others and the revoked at once, and of a purge everybody', async () => {
    const coordinator = await lab.coordinator(rareHeartbeats)
    const good = await started(coordinator)
    const bad = await started(coordinator)
    await give(coordinator, { uploadSlots: 1 })
    await eventually(() => {
      expect([good.applied.length, bad.applied.length]).toEqual([1, 1])
    })
    const proof = bad.trust.proof()!
    await coordinator.purges.purge({ class: 'windows-update' }, '')
    await eventually(() => {
      expect([good.purges.length, bad.purges.length]).toEqual([1, 1])
    })
    await coordinator.enrolment.revoke(bad.identity.agentId, 'stolen')
    await eventually(() => {
      expect(good.trust.checkPeer(bad.identity.agentId, proof)).toBe('revoked')
      expect(bad.trust.proof()).toBeNull()
    })
  })

  it('keeps no coordinator from stopping, and is asked of the next', async () => {
    const data = await lab.folder()
    const first = await lab.coordinator({ ...rareHeartbeats, data })
    const agent = await started(first)
    await give(first, { uploadSlots: 1 })
    await eventually(() => {
      expect(agent.applied).toHaveLength(1)
    })
    const stoppedAt = performance.now()
    await first.stop()
    expect(performance.now() - stoppedAt).toBeLessThan(2000)
    const second = await lab.coordinator({
      ...rareHeartbeats,
      data,
      listen: `127.0.0.1:${first.listening.port}`
    })
    await give(second, { uploadSlots: 2 })
    await eventually(() => {
      expect(saidTo(agent)).toEqual([{ fleet: { uploadSlots: 2 } }])
    })
  })
})

describe('the audit log', () => {
  it('has one entry for each thing that was done with a policy, with version and reason', async () => {
    const plane = await startControlPlane()
    try {
      const path = '/api/v1/policies/fleet'
      for (const uploadSlots of [3, 4])
        await plane.asLocal(addPolicyVersion, `${path}/versions`, {
          document: { uploadSlots },
          reason: `to ${uploadSlots}`
        })
      await plane.asLocal(startRollout, `${path}/rollout`, { version: 2, stages: everybody })
      await plane.asLocal(rollBackPolicy, `${path}/rollback`, { version: 1, reason: 'too much' })
      const { entries } = await plane.asLocal(readAudit, '/api/v1/audit')
      expect(
        entries.toReversed().flatMap(({ target, detail }) => (target === 'fleet' ? [detail] : []))
      ).toEqual(['version 1: to 3', 'version 2: to 4', 'version 2', 'to version 1: too much'])
    } finally {
      await plane.stop()
    }
  })
})

describe('a new version', () => {
  const by = { by: ada, reason: 'less', dryRun: false }

  it('is refused with everything that is wrong with it', async () => {
    const { policies } = await lab.coordinator(rareHeartbeats)
    const wrong = policies.add('fleet', { uploadSlots: -1, dowloadSlots: 3 }, by)
    await expect(wrong).rejects.toMatchObject({
      code: 'bad-policy',
      message: expect.stringMatching(
        /(?=.*uploadSlots: -1 does not fit)(?=.*did you mean downloadSlots)/s
      ) as string
    })
    await expect(policies.show('fleet')).rejects.toMatchObject({ code: 'unknown-policy' })
    await expect(policies.versions('fleet', 9)).rejects.toMatchObject({ code: 'unknown-policy' })
  })

  it('says what changed, who wanted it and why, and is kept for ever', async () => {
    const { policies } = await lab.coordinator(rareHeartbeats)
    await policies.add('fleet', { uploadSlots: 4, downloadSlots: 4 }, by)
    const { changes } = await policies.add('fleet', { uploadSlots: 2, DODownloadMode: 1 }, by)
    expect(changes).toEqual([
      { name: 'DODownloadMode', after: 1 },
      { name: 'downloadSlots', before: 4 },
      { name: 'uploadSlots', before: 4, after: 2 }
    ])
    expect(await policies.versions('fleet', 9)).toMatchObject([
      { version: 2, author: 'ada', reason: 'less', changes },
      { version: 1, document: { uploadSlots: 4, downloadSlots: 4 } }
    ])
  })

  it('is refused when its author has not seen the newest', async () => {
    const { policies } = await lab.coordinator(rareHeartbeats)
    await policies.add('fleet', { uploadSlots: 4 }, { ...by, basedOn: null })
    await policies.add('fleet', { uploadSlots: 3 }, { ...by, basedOn: 1 })
    for (const basedOn of [null, 1])
      for (const dryRun of [false, true])
        await expect(
          policies.add('fleet', { uploadSlots: 2 }, { ...by, basedOn, dryRun })
        ).rejects.toMatchObject({ code: 'policy-moved' })
    expect(await policies.versions('fleet', 9)).toHaveLength(2)
  })

  it('is tried on the fleet first: which sites would lose peering, and why', async () => {
    const coordinator = await lab.coordinator(rareHeartbeats)
    await started(coordinator)
    await started(coordinator, {}, 'branch')
    const dry = { ...by, dryRun: true }
    const { version, findings } = await coordinator.policies.add('fleet', { DODownloadMode: 0 }, dry)
    expect(version).toBeNull()
    expect(findings.map(({ sentence }) => sentence)).toEqual(
      expect.arrayContaining([
        '2 machines of 2 sites would lose peering, because DODownloadMode is 0 (HTTP only) (2 agents)',
        'site branch would lose peering: DODownloadMode is 0 (HTTP only) (1 agent)',
        'site office would lose peering: DODownloadMode is 0 (HTTP only) (1 agent)'
      ])
    )
    expect((await coordinator.policies.add('site:office', { uploadSlots: 2 }, dry)).findings).toEqual([])
    await expect(coordinator.policies.show('fleet')).rejects.toMatchObject({ code: 'unknown-policy' })
  })

  it('is tried on the machines as they told that they are', async () => {
    const coordinator = await lab.coordinator(rareHeartbeats)
    const small: HostFacts = { ...unknownHost, ramBytes: 2 * GiB + 1 }
    const tunnel: HostFacts = { ...unknownHost, ramBytes: 16 * GiB, adapters: ['Ethernet', 'Acme Tunnel'] }
    const onBattery: HostFacts = { ...unknownHost, onBattery: true, batteryPercent: 35 }
    for (const [site, host] of [
      ['berlin', small],
      ['berlin', small],
      ['bonn', small],
      ['kiel', { ...unknownHost, ramBytes: 4 * GiB }],
      ['kiel', tunnel],
      ['ulm', onBattery]
    ] as const)
      await started(coordinator, { host }, site)
    // A gateway is there to share, whatever endpoints may.
    const gateway = await lab.ticket(coordinator, { site: 'bonn', role: 'gateway' })
    await (await lab.agent(gateway, { host: small })).link.start()
    const would = async (document: PolicyDocument) =>
      (await coordinator.policies.add('fleet', document, { ...by, dryRun: true })).findings.map(
        ({ sentence }) => sentence
      )
    const memory = 'the machine has 3 GB of memory, and DOMinRAMAllowedToPeer asks for 4 GB'
    const atFirst = { DOMinRAMAllowedToPeer: 1, DOMinBatteryPercentageAllowedToUpload: 30 }
    await give(coordinator, atFirst)
    expect(await would({ ...atFirst, DOMinRAMAllowedToPeer: 4 })).toEqual([
      `3 machines of 2 sites would lose peering, because ${memory} (3 agents)`,
      `site berlin would lose peering: ${memory} (2 agents)`,
      `site bonn would lose peering: ${memory} (1 agent)`
    ])
    expect(await would({ ...atFirst, DOVpnKeywords: ['acme tunnel'] })).toEqual([
      '1 of 2 agents of site kiel would stop sharing: the machine is connected by VPN, and DOAllowVPNPeerCaching is 0 (1 agent)'
    ])
    expect(await would({ ...atFirst, DOMinBatteryPercentageAllowedToUpload: 40 })).toEqual([
      '1 of 1 agents of site ulm would stop giving to others: the battery is at 35 %, and DOMinBatteryPercentageAllowedToUpload asks for 40 % (1 agent)'
    ])
  })
})
