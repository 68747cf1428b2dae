import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createIdentity } from './keys.ts'
import { checkSecretProof, createFleetSecret, parseFleetSecret, secretProof } from './secret.ts'

describe('a fleet secret', () => {
  it('is what `secret create` prints, also as hex, and never twice the same', () => {
    const made = Array.from({ length: 200 }, createFleetSecret)
    expect(new Set(made).size).toBe(200)
    for (const text of made) {
      const hex = Buffer.from(parseFleetSecret(text)).toString('hex')
      expect(parseFleetSecret(` ${hex.toUpperCase()}\n`)).toEqual(parseFleetSecret(text))
    }
  })

  it.each([
    ['nothing', ''],
    ['a password', 'correct horse battery staple'],
    ['too short', 'a'.repeat(63)],
    ['zeroes', '0'.repeat(64)],
    ['a pattern', '0123456789abcdef'.repeat(4)],
    ['a count', Buffer.from(Array.from({ length: 32 }, (_, at) => at)).toString('hex')],
    ['text as hex', Buffer.from('The quick brown fox jumps over t').toString('hex')],
    ['the hash of a word', createHash('sha256').update('secret\n').digest('hex')]
  ])('is not %s', (_, text) => {
    expect(() => parseFleetSecret(text)).toThrow(expect.objectContaining({ code: 'fleet-secret-refused' }))
  })

  it('proves one agent at one site, and the error never shows it', () => {
    const secret = parseFleetSecret(createFleetSecret())
    const { agentId } = createIdentity()
    const proof = secretProof(secret, agentId, 'office')
    if (proof.kind !== 'secret') throw new Error('another kind of proof')
    expect(checkSecretProof(secret, agentId, proof)).toBe(true)
    expect(checkSecretProof(secret, createIdentity().agentId, proof)).toBe(false)
    expect(checkSecretProof(secret, agentId, { ...proof, site: 'other' })).toBe(false)
    expect(checkSecretProof(parseFleetSecret(createFleetSecret()), agentId, proof)).toBe(false)
    expect(checkSecretProof(secret, agentId, { ...proof, mac: proof.mac.subarray(1) })).toBe(false)
  })
})
