import type { Checker } from './checker.ts'

/** A flow that has just been cancelled or ended may overlap the next, and an escape for a client is one beyond policy. */
const escapes = 1

export const policySlots: Checker = {
  name: 'policy-slots',
  promise: 'uploads, downloads and upstream flows of an agent stay within the slots of its policy',
  check: ({ play }) =>
    [...play.agents, ...play.gateways].flatMap(agent => {
      const { policy, usage } = agent
      const flows = (agent.role === 'gateway' ? policy.siteUpstreamSlots : policy.upstreamSlots) + escapes
      return [
        ...over(agent.id, 'uploads', usage.serving.value, policy.uploadSlots),
        ...over(agent.id, 'chunk requests', usage.asking.value, policy.downloadSlots),
        ...over(agent.id, 'upstream flows', usage.flows.value, flows)
      ]
    })
}

function over(agent: string, what: string, most: number, allowed: number): string[] {
  return most <= allowed ? [] : [`${agent} had ${most} ${what} at a time, its policy allows ${allowed}`]
}
