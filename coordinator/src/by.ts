/** Who does something, for the audit log: see By in ports.ts. */
import type { Actor } from '@starling/shared/admin-api/service.ts'
import type { AgentId } from '@starling/shared/ids.ts'
import type { By } from './ports.ts'

export function byActor(actor: Actor, action: string, address: string): By {
  return { kind: actor.kind, actor: actor.name, role: actor.role, action, address }
}

/** Somebody who has not signed in. @param called what they call themselves, if there is such an account */
export function byStranger(action: string, address: string, called = ''): By {
  return { kind: 'unknown', actor: called, role: '', action, address }
}

/** A machine that asks for itself; its key has proven who it is. */
export function byAgent(action: string, agent: AgentId, address: string): By {
  return { kind: 'agent', actor: agent, role: '', action, address }
}

/** What the coordinator does on its own account. */
export function byItself(action: string): By {
  return { kind: 'coordinator', actor: 'coordinator', role: '', action, address: '' }
}
