/** Who does something, for the audit log: see By in ports.ts. */
import type { Actor } from '@starling/shared/admin-api/service.ts'
import type { By } from './ports.ts'

export function byActor(actor: Actor, action: string, address: string): By {
  return { kind: actor.kind, actor: actor.name, role: actor.role, action, address }
}

/** Somebody who has not signed in. @param called what they call themselves, if there is such an account */
export function byStranger(action: string, address: string, called = ''): By {
  return { kind: 'unknown', actor: called, role: '', action, address }
}

/** What the coordinator does on its own account. */
export function byItself(action: string): By {
  return { kind: 'coordinator', actor: 'coordinator', role: '', action, address: '' }
}
