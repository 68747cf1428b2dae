/**
 * The go command fetches modules from a mirror of the agent. It reads the variable GOPROXY, then a file of its user that `go env -w`
 * writes, then defaults of its installation. So on Windows the machine's level is the machine's environment; elsewhere there is no file of the
 * machine's that it would read and that were not its package's own.
 */
import type { ServingAgent } from '../../ports.ts'
import { addressOf, answersAt, isSameAddress, type ItemRules, type Wanted } from '../item-rules.ts'
import type { Kept } from '../journal.ts'
import { registry, type Place, type Values } from '../places.ts'
import { text, textOf, type Stored } from '../stored.ts'

const environment = 'HKLM\\SYSTEM\\CurrentControlSet\\Control\\Session Manager\\Environment'

export const goOfMachine: ItemRules = {
  ...rules(name => registry(environment, name)),
  level: 'machine',
  what: 'the go command of every user fetches modules from a mirror of the agent (GOPROXY in the environment)',
  looked: {},
  want: (now, agent, kept) => {
    const wanted = want(now, agent, kept)
    return { ...wanted, notes: [...wanted.notes, 'programs see it that are started after the next sign-in'] }
  }
}

export const goOfUser: ItemRules = {
  ...rules(name => ({ kind: 'go', name })),
  level: 'user',
  what: "this user's go command fetches modules from a mirror of the agent (go env -w GOPROXY)",
  looked: { environment: { kind: 'environment', name: 'GOPROXY' } },
  want(now, agent, kept) {
    const wanted = want(now, agent, kept)
    const beats = textOf(now.get('environment') ?? null)
    if (wanted.refusal !== null || beats === null || beats === '') return wanted
    const refusal = `GOPROXY in the environment (${beats}) beats what the go command keeps: take it away there, then apply again`
    return { ...wanted, refusal }
  }
}

function rules(
  place: (name: string) => Place
): Pick<ItemRules, 'item' | 'changed' | 'checks' | 'withoutOurs'> {
  return {
    item: 'go',
    changed: { proxy: place('GOPROXY'), private: place('GOPRIVATE') },
    checks: agent => [
      answersAt(addressOf(agent)),
      { url: `${mirrorOf(agent) ?? addressOf(agent)}/`, proves: 'agent', what: 'the mirror' }
    ],
    withoutOurs(name, now, kept) {
      const list = textOf(now) ?? ''
      const rest = withoutAny(list, notedIn(kept))
      if (name !== 'proxy' || rest === list) return undefined
      return rest === '' ? (kept[name]?.before ?? null) : text(rest)
    }
  }
}

function mirrorOf(agent: ServingAgent): string | null {
  const [mirror] = agent.goMirrors
  return mirror === undefined ? null : `${addressOf(agent)}/m/${mirror.name}`
}

function want(now: Values, agent: ServingAgent, kept: Kept): Wanted {
  const [mirror, ...others] = agent.goMirrors
  if (mirror === undefined) {
    const refusal =
      'the agent has no mirror of Go modules: add one of kind go to mirrors (docs/DEPLOY.md), then apply again'
    return { values: new Map(), refusal, notes: [] }
  }
  const mirrors = agent.goMirrors.map(({ name }) => `${addressOf(agent)}/m/${name}`)
  const before = textOf(now.get('proxy') ?? null) || 'direct'
  const rest = withoutAny(before, [...mirrors, ...notedIn(kept)])
  const values = new Map<string, Stored>([
    ['proxy', text([`${addressOf(agent)}/m/${mirror.name}`, ...(rest === '' ? [] : [rest])].join('|'))]
  ])
  // What the mirror calls private it refuses; nobody else is to hear of it either.
  if (mirror.private.length > 0) {
    const known = (textOf(now.get('private') ?? null) ?? '').split(',').filter(part => part !== '')
    values.set('private', text([...new Set([...known, ...mirror.private])].join(',')))
  }
  const notes = others.length === 0 ? [] : [`of several mirrors the first one is taken: ${mirror.name}`]
  return { values, refusal: null, notes }
}

/** What of it we have put there before: whoever else has a proxy on this machine keeps it. */
function notedIn(kept: Kept): readonly string[] {
  return (kept['proxy']?.ours ?? []).flatMap(one => textOf(one)?.split('|')[0] ?? [])
}

/**
 * What was asked before is asked behind ours, in its order and with its own marks between: who has said `off`, or does not say `direct`, wants
 * no module from elsewhere. Ours ends in a bar, which go takes also when nobody answers; behind a comma a stopped agent would be the end of it.
 */
function withoutAny(list: string, ours: readonly string[]): string {
  return list
    .split(/(?<=[,|])/)
    .filter(part => !ours.some(own => isSameAddress(own, part.replace(/[,|]$/, ''))))
    .join('')
    .replace(/[,|]$/, '')
}
