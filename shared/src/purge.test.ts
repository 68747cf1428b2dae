import { describe, expect, it } from 'vitest'
import { keyHashOf } from './manifest.ts'
import {
  purgesKeptMax,
  purgeSigningBytes,
  requestOf,
  targetOf,
  type KeptPurge,
  type PurgeTarget
} from './purge.ts'
import { PurgeBook } from './purge-book.ts'
import { decodeMessage, encodeMessage, type SwarmMessage } from './wire.ts'

const issuer = `12D3KooW${'A'.repeat(44)}`
const signed = { issuer, issuedAt: 5, expiresAt: 9, serial: 5, bytes: new Uint8Array(64).fill(7) }
const key: PurgeTarget = { kind: 'key', key: keyHashOf('origin.example/a.msi') }
const content = { key: 'origin.example/a.msi', contentClass: 'generic-download' }

const kept = (target: PurgeTarget, purgedAt: number, saidAt: number | null = null): KeptPurge => ({
  target,
  purgedAt,
  word:
    saidAt === null
      ? null
      : {
          signed: { ...signed, issuedAt: saidAt },
          proof: { kind: 'secret', site: 'lab', mac: new Uint8Array(32) }
        }
})

describe('the message', () => {
  it.each<[string, PurgeTarget]>([
    ['a key', key],
    ['a class', { kind: 'class', id: 'windows-update' }]
  ])('of %s comes back from the wire as it went', (_, target) => {
    const message: SwarmMessage = {
      type: 'purge',
      purge: { target, signed },
      proof: { kind: 'secret', site: 'lab', mac: new Uint8Array(32).fill(3) }
    }
    expect(decodeMessage(encodeMessage(message))).toEqual(message)
  })

  it('is refused when it names no target that there can be', () => {
    const proof = { kind: 'secret', site: 'lab', mac: new Uint8Array(32) } as const
    for (const target of [
      { kind: 'key', key: 'a' },
      { kind: 'class', id: '' },
      { kind: 'all' },
      { ...key, id: 'x' }
    ]) {
      const message = { type: 'purge', purge: { target: target as PurgeTarget, signed }, proof } as const
      expect(() => decodeMessage(encodeMessage(message)), JSON.stringify(target)).toThrow(/malformed purge/)
    }
  })

  it('is signed over target and limits', () => {
    const bytes = purgeSigningBytes(key, signed)
    expect(purgeSigningBytes(key, { ...signed })).toEqual(bytes)
    const changed = [
      purgeSigningBytes({ kind: 'class', id: keyHashOf(content.key) }, signed),
      purgeSigningBytes(key, { ...signed, issuedAt: 6 })
    ]
    for (const other of changed) expect(other).not.toEqual(bytes)
  })
})

describe('purges in force', () => {
  it('cover what was signed at or before them, by key and by class', () => {
    const book = new PurgeBook()
    expect(book.covers(content, 0)).toBe(false)
    book.take(kept(key, 10), 10)
    book.take(kept({ kind: 'class', id: 'generic-download' }, 20), 20)
    expect([book.covers(content, 20), book.covers(content, 21), book.signAfter(content)]).toEqual([
      true,
      false,
      21
    ])
    const ofClass = { ...content, key: 'origin.example/b.msi' }
    expect([book.covers(ofClass, 20), book.covers({ ...ofClass, contentClass: 'generic' }, 5)]).toEqual([
      true,
      false
    ])
    const ofKey = { ...content, contentClass: 'generic' }
    expect([book.covers(ofKey, 10), book.covers(ofKey, 11)]).toEqual([true, false])
  })

  it('are one for each target, and the newest word for it is kept to be passed on', () => {
    const book = new PurgeBook()
    book.take(kept(key, 10, 10), 10)
    expect(book.newsOf(kept(key, 10, 10))).toEqual({ forgets: false, says: false })
    // From the coordinator: it forgets more, and leaves what may be said to peers.
    book.take(kept(key, 30), 30)
    expect(book.newsOf(kept(key, 20, 20))).toEqual({ forgets: false, says: true })
    book.take(kept(key, 20, 20), 30)
    expect(book.all()).toEqual([{ ...kept(key, 20, 20), purgedAt: 30 }])
  })

  it('are not more than so many: the oldest go', () => {
    const book = new PurgeBook()
    for (let at = 0; at <= purgesKeptMax; at++) book.take(kept({ kind: 'class', id: `c${at}` }, at), at)
    expect(book.all()).toHaveLength(purgesKeptMax)
    expect(book.all()[0]!.purgedAt).toBe(1)
  })
})

describe('what a person types', () => {
  it('is a URL, a class or a key, and means what sharing means by it', () => {
    expect(requestOf('http://Origin.example/a.msi')).toEqual({ url: 'http://Origin.example/a.msi' })
    expect(targetOf({ url: 'http://Origin.example:80/a.msi#x' })).toEqual(key)
    expect(requestOf('windows-update')).toEqual({ class: 'windows-update' })
    expect(targetOf({ class: 'windows-update' })).toEqual({ kind: 'class', id: 'windows-update' })
    expect(targetOf(requestOf('origin.example/a.msi'))).toEqual(key)
    expect(requestOf(`sha1:${'a'.repeat(40)}`)).toEqual({ key: `sha1:${'a'.repeat(40)}` })
    // Whatever it looks like, what is kept under that name is meant.
    expect(requestOf('windows-update', () => true)).toEqual({ key: 'windows-update' })
    const secure = 'https://origin.example/a.msi'
    expect(requestOf(secure, () => true)).toEqual({ key: secure })
    expect(targetOf(requestOf(secure))).toEqual(targetOf({ key: secure }))
  })

  it('and is none of these is answered with what there is', () => {
    expect(() => requestOf('window-update')).toThrow(/cache ls.*windows-update, /)
  })
})
