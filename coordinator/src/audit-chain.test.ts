import { describe, expect, it } from 'vitest'
import {
  ChainCheck,
  emptyChain,
  linked,
  pruneAction,
  prunedThrough,
  type AuditEntry,
  type ChainHead
} from './audit-chain.ts'

const deed = {
  at: 1,
  kind: 'account',
  actor: 'eve',
  role: 'admin',
  action: 'agent.revoke',
  target: 'a',
  outcome: 'done',
  address: '10.0.0.1',
  detail: ''
}

function chain(length: number, from: ChainHead = emptyChain): AuditEntry[] {
  const entries: AuditEntry[] = []
  let head = from
  for (let n = 0; n < length; n++) {
    head = linked(head, { ...deed, at: n })
    entries.push(head as AuditEntry)
  }
  return entries
}

function problemOf(entries: readonly AuditEntry[], head: ChainHead): string | null {
  const check = new ChainCheck()
  for (const entry of entries) check.see(entry)
  return check.end(head)
}

describe('a chain', () => {
  const whole = chain(5)
  const head = whole.at(-1)!

  it('that was left alone is whole, and so is an empty one', () => {
    expect(problemOf(whole, head)).toBeNull()
    expect(problemOf([], emptyChain)).toBeNull()
  })

  it.each(Object.keys(whole[0]!) as Array<keyof AuditEntry>)(
    'in which the field %s was changed says where',
    field => {
      const { number } = whole[2]!
      const value = whole[2]![field]
      const changed = whole.with(2, {
        ...whole[2]!,
        [field]: typeof value === 'number' ? value + 7 : `${value}x`
      })
      expect(problemOf(changed, head)).toContain(field === 'number' ? 'entry 10' : `entry ${number}`)
    }
  )

  it('with an entry taken out, put in, or two exchanged says where', () => {
    expect(problemOf(whole.toSpliced(2, 1), head)).toBe('after entry 2 there is a gap: 4 follows')
    expect(problemOf(whole.toSpliced(2, 0, linked(whole[1]!, { ...deed, actor: 'x' })), head)).toContain(
      'entry 3'
    )
    expect(problemOf([whole[0]!, whole[2]!, whole[1]!, whole[3]!, whole[4]!], head)).toContain('gap')
    expect(problemOf(whole.slice(2), head)).toContain('entries before 3 are gone')
  })

  it('whose tail was cut, or written anew, is found out by the head that was kept aside', () => {
    expect(problemOf(whole.slice(0, 3), head)).toContain('the newest entry is 3, and 5 was written')
    expect(problemOf([], head)).toContain('the tail is cut')
    const anew = [...whole.slice(0, 3), ...chain(2, whole[2]).map(entry => ({ ...entry }))]
    const forged = linked(anew[3]!, { ...deed, actor: 'nobody' })
    expect(problemOf([...anew.slice(0, 4), forged], head)).toBe('entry 5 is not the one that was written')
    expect(problemOf([...whole, linked(head, deed)], head)).toContain('entry 6 and what follows')
  })

  it('may begin where an entry in it says that it was pruned, and nowhere else', () => {
    const prune = linked(head, { ...deed, action: pruneAction, target: prunedThrough(whole[1]!) })
    expect(problemOf([...whole.slice(2), prune], prune)).toBeNull()
    expect(problemOf([...whole.slice(3), prune], prune)).toContain('entries before 4 are gone')
  })
})
