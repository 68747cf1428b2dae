import { clockToleranceMs, credentialGraceMs, type Proof } from '@starling/shared/credential.ts'
import type { SignedDigests, SignedHead } from '@starling/shared/manifest.ts'
import { dayMs, hourMs, minuteMs, type Millis } from '@starling/shared/units.ts'
import { beforeEach, describe, expect, it } from 'vitest'
import { createTestFleet, headOf, start, type TestFleet } from './fleet.fixture.ts'
import { createIdentity, type Identity } from './keys.ts'
import { createFleetSecret, parseFleetSecret, secretProof } from './secret.ts'
import { signHead } from './signatures.ts'
import { createSigner } from './signer.ts'
import { createTrust, type Trust } from './trust.ts'

let now: Millis
let fleet: TestFleet
let me: Identity
let peer: Identity
let trust: Trust
const entries = [
  [0, new Uint8Array(32).fill(1)],
  [1, new Uint8Array(32).fill(2)]
] as const

beforeEach(() => {
  now = start + hourMs
  fleet = createTestFleet()
  me = createIdentity()
  peer = createIdentity()
  trust = createTrust({ self: me.agentId, clock: () => now, fleetSecret: null })
  trust.setProof(fleet.proof(me))
})

/** A member's own trust and signer, as they would be on its machine. */
function machine(identity: Identity, proof: Proof) {
  const own = createTrust({ self: identity.agentId, clock: () => now, fleetSecret: null })
  own.setProof(proof)
  return { trust: own, signer: createSigner(identity, own) }
}

function signedBy(identity: Identity, proof: Proof): { head: SignedHead; digests: SignedDigests } {
  const { signer } = machine(identity, proof)
  const head = signer.signHead(headOf())!
  return { head, digests: signer.signDigests(head.transfer, entries)! }
}

describe('a peer', () => {
  it('is accepted with the credential of our fleet that is its own', () => {
    const proof = fleet.proof(peer)
    expect(trust.checkPeer(peer.agentId, proof)).toBeNull()
    expect(trust.checkPeer(createIdentity().agentId, proof)).toBe('not-theirs')
    expect(trust.checkPeer(peer.agentId, createTestFleet().proof(peer))).toBe('other-fleet')
  })

  it('is refused when any field of its credential was changed', () => {
    const { credential } = fleet.proof(peer)
    const changed = [
      { role: 'gateway' as const },
      { notAfter: credential.notAfter + 1 },
      { notBefore: credential.notBefore - 1 },
      { serial: 77 },
      { signature: credential.signature.map((byte, at) => (at === 9 ? byte ^ 1 : byte)) },
      { coordinator: { ...credential.coordinator, notAfter: credential.coordinator.notAfter + 1 } },
      { coordinator: { ...credential.coordinator, coordinator: peer.agentId } }
    ]
    for (const change of changed) {
      expect(
        trust.checkPeer(peer.agentId, { kind: 'credential', credential: { ...credential, ...change } }),
        Object.keys(change)[0]
      ).toBe('bad-signature')
    }
    // Also when the true one was accepted before, and its check could have been skipped.
    expect(trust.checkPeer(peer.agentId, { kind: 'credential', credential })).toBeNull()
    expect(
      trust.checkPeer(peer.agentId, {
        kind: 'credential',
        credential: { ...credential, site: 'elsewhere', role: 'gateway' }
      })
    ).toBe('bad-signature')
  })

  it('cannot be its own coordinator', () => {
    const rogue = createTestFleet()
    const { credential } = rogue.proof(peer)
    const { coordinator } = fleet.proof(me).credential
    const forged = { ...credential, coordinator: { ...credential.coordinator, fleet: coordinator.fleet } }
    expect(trust.checkPeer(peer.agentId, { kind: 'credential', credential: forged })).toBe('bad-signature')
  })

  it('keeps an expired credential for 7 days while no coordinator can be reached, and not longer', () => {
    const proof = fleet.proof(peer)
    const end = proof.credential.notAfter
    now = end + clockToleranceMs + minuteMs
    expect(trust.checkPeer(peer.agentId, proof)).toBeNull()
    trust.coordinatorReachable(true)
    expect(trust.checkPeer(peer.agentId, proof)).toBe('expired')
    trust.coordinatorReachable(false)
    now = end + credentialGraceMs + clockToleranceMs
    expect(trust.checkPeer(peer.agentId, proof)).toBeNull()
    now += minuteMs
    expect(trust.checkPeer(peer.agentId, proof)).toBe('expired')
  })

  it("is judged by the coordinator's clock, so that a clock that is days off locks nobody out", () => {
    const proof = fleet.proof(peer)
    trust.coordinatorReachable(true)
    now = start - 3 * dayMs
    expect(trust.checkPeer(peer.agentId, proof)).toBe('not-yet-valid')
    trust.setClockOffset(3 * dayMs + hourMs)
    expect(trust.checkPeer(peer.agentId, proof)).toBeNull()
  })

  it('of another site is spoken with only if one of the two is a gateway', () => {
    expect(trust.checkPeer(peer.agentId, fleet.proof(peer, { site: 'far' }))).toBe('other-site')
    expect(trust.checkPeer(peer.agentId, fleet.proof(peer, { site: 'far', role: 'gateway' }))).toBeNull()
  })

  it('is out once it is on a list that the coordinator signed', () => {
    const proof = fleet.proof(peer)
    expect(trust.checkPeer(peer.agentId, proof)).toBeNull()
    expect(trust.proofOf(peer.agentId)).toEqual(proof)
    expect(trust.setRevocations(createTestFleet().revocations(9, [peer.agentId]))).toBe('other-fleet')
    expect(trust.setRevocations({ ...fleet.revocations(2, []), agents: [peer.agentId] })).toBe(
      'bad-signature'
    )
    expect(trust.checkPeer(peer.agentId, proof)).toBeNull()
    expect(trust.setRevocations(fleet.revocations(2, [peer.agentId]))).toBeNull()
    expect(trust.checkPeer(peer.agentId, proof)).toBe('revoked')
    expect(trust.setRevocations(fleet.revocations(1, []))).toBe('old')
    expect(trust.checkPeer(peer.agentId, proof)).toBe('revoked')
  })

  it('is nobody to an agent that has not joined, or was revoked itself', () => {
    const alone = createTrust({ self: me.agentId, clock: () => now, fleetSecret: null })
    expect(alone.proof()).toBeNull()
    expect(alone.checkPeer(peer.agentId, fleet.proof(peer))).toBe('not-enrolled')
    trust.setRevocations(fleet.revocations(1, [me.agentId]))
    expect(trust.proof()).toBeNull()
  })
})

describe('with a fleet secret', () => {
  const secret = parseFleetSecret(createFleetSecret())
  const member = (identity: Identity, with_ = secret): Trust =>
    createTrust({ self: identity.agentId, clock: () => now, fleetSecret: { secret: with_, site: 'office' } })

  it("members accept each other, and nobody who knows another secret or shows another's proof", () => {
    const own = member(me)
    expect(own.checkPeer(peer.agentId, member(peer).proof()!)).toBeNull()
    expect(own.checkPeer(peer.agentId, own.proof()!)).toBe('other-fleet')
    expect(own.checkPeer(peer.agentId, member(peer, parseFleetSecret(createFleetSecret())).proof()!)).toBe(
      'other-fleet'
    )
    expect(own.checkPeer(peer.agentId, secretProof(secret, peer.agentId, 'far'))).toBe('other-site')
    expect(own.checkPeer(peer.agentId, fleet.proof(peer))).toBe('other-fleet')
    expect(trust.checkPeer(peer.agentId, member(peer).proof()!)).toBe('other-fleet')
  })

  it('every member may sign what it fetched', () => {
    const theirs = member(peer)
    const signer = createSigner(peer, theirs)
    const head = signer.signHead(headOf())!
    const digests = signer.signDigests(head.transfer, entries)!
    const own = member(me)
    expect(own.checkHead(head)).toBe('unknown-issuer')
    expect(own.checkDigests(digests, theirs.proof())).toBeNull()
    expect(own.checkHead(head)).toBeNull()
  })
})

describe('a signature', () => {
  it('of a gateway counts everywhere; of a member in its site, as long as policy says so', () => {
    const gateway = createIdentity()
    const gatewayProof = fleet.proof(gateway, { role: 'gateway', site: 'far' })
    const byGateway = signedBy(gateway, gatewayProof)
    const memberProof = fleet.proof(peer)
    const byMember = signedBy(peer, memberProof)
    const strangerProof = fleet.proof(peer, { site: 'far' })
    expect(trust.checkDigests(byGateway.digests, gatewayProof)).toBeNull()
    expect(trust.checkDigests(byMember.digests, memberProof)).toBeNull()
    expect(trust.checkHead(byMember.head)).toBeNull()
    trust.setMembersMaySign(false)
    expect(trust.checkDigests(byGateway.digests, gatewayProof)).toBeNull()
    expect(trust.checkHead(byMember.head)).toBe('may-not-sign')
    trust.setMembersMaySign(true)
    const other = machine(me, fleet.proof(me)).trust
    expect(other.checkDigests(signedBy(peer, strangerProof).digests, strangerProof)).toBe('may-not-sign')
  })

  it('of a member never counts for a gateway', () => {
    const gateway = machine(createIdentity(), fleet.proof(me)).trust
    gateway.setProof(fleet.proof(me, { role: 'gateway' }))
    const proof = fleet.proof(peer)
    expect(gateway.checkDigests(signedBy(peer, proof).digests, proof)).toBe('may-not-sign')
  })

  it('of one who is unknown, revoked, or only claims a credential, counts for nothing', () => {
    const proof = fleet.proof(peer)
    const { digests } = signedBy(peer, proof)
    expect(trust.checkDigests(digests, null)).toBe('unknown-issuer')
    expect(trust.checkDigests(digests, fleet.proof(createIdentity()))).toBe('not-theirs')
    expect(trust.checkDigests(digests, proof)).toBeNull()
    trust.setRevocations(fleet.revocations(1, [peer.agentId]))
    expect(trust.checkDigests(digests, proof)).toBe('revoked')
  })

  it('counts for nothing over other bytes', () => {
    const proof = fleet.proof(peer)
    const { head, digests } = signedBy(peer, proof)
    const lie = { ...digests, entries: [[0, new Uint8Array(32).fill(9)], entries[1]] as const }
    expect(trust.checkDigests(lie, proof)).toBe('bad-signature')
    expect(trust.checkDigests({ ...digests, transfer: 'f'.repeat(64) }, proof)).toBe('bad-signature')
    expect(trust.checkHead({ ...head, head: headOf({ length: 5 }) })).toBe('bad-signature')
    expect(trust.checkHead({ ...head, transfer: 'f'.repeat(64) })).toBe('bad-signature')
    expect(
      trust.checkHead({ ...head, signed: { ...head.signed, expiresAt: head.signed.expiresAt + 1 } })
    ).toBe('bad-signature')
    expect(trust.checkHead(head)).toBeNull()
  })

  it('still counts when its issuer has left, has been renewed, or has expired since', () => {
    const proof = fleet.proof(peer)
    const { digests } = signedBy(peer, proof)
    expect(trust.checkPeer(peer.agentId, proof)).toBeNull()
    trust.coordinatorReachable(true)
    now += 20 * dayMs
    expect(trust.checkPeer(peer.agentId, proof)).toBe('expired')
    expect(trust.checkDigests(digests, null)).toBeNull()
    expect(
      trust.checkPeer(peer.agentId, fleet.proof(peer, { notBefore: now - minuteMs, notAfter: now + dayMs }))
    ).toBeNull()
    expect(trust.checkDigests(digests, null)).toBeNull()
    now += 11 * dayMs
    expect(trust.checkDigests(digests, null)).toBe('expired')
  })

  it("made after the end of the issuer's credential does not count", () => {
    const proof = fleet.proof(peer)
    trust.checkPeer(peer.agentId, proof)
    trust.coordinatorReachable(true)
    now += 3 * dayMs
    const { digests } = signedBy(peer, proof)
    expect(trust.checkDigests(digests, null)).toBe('expired-issuer')
  })

  it('from the future, or for ever, does not count', () => {
    trust.checkPeer(peer.agentId, fleet.proof(peer))
    const limits = { issuedAt: now, expiresAt: now + hourMs, serial: now }
    const far = now + 2 * clockToleranceMs + 1
    expect(
      trust.checkHead(signHead(peer, headOf(), { ...limits, issuedAt: now + clockToleranceMs + 1 }))
    ).toBe('from-the-future')
    expect(trust.checkHead(signHead(peer, headOf(), { ...limits, serial: far }))).toBe('from-the-future')
    expect(trust.checkHead(signHead(peer, headOf(), { ...limits, expiresAt: now + 31 * dayMs }))).toBe(
      'lives-too-long'
    )
    expect(trust.checkHead(signHead(peer, headOf(), limits))).toBeNull()
  })
})

describe('a head', () => {
  it('counts for long only if its name says which bytes it is, not if a response header does', () => {
    const { signer } = machine(peer, fleet.proof(peer))
    const promised = { algorithm: 'sha256', hex: 'ab'.repeat(32) } as const
    const lifeOf = (validator: string) => {
      const { issuedAt, expiresAt } = signer.signHead(headOf({ promised, validator }))!.signed
      return expiresAt - issuedAt
    }
    expect([lifeOf(''), lifeOf('"one"')]).toEqual([30 * dayMs, hourMs])
  })
})

describe('an older version', () => {
  it('is not taken after a newer one, also after a restart', () => {
    trust.checkPeer(peer.agentId, fleet.proof(peer))
    const signer = machine(peer, fleet.proof(peer)).signer
    const old = signer.signHead(headOf())!
    const fresh = signer.signHead(headOf({ validator: '"two"' }))!
    expect(fresh.signed.serial).toBeGreaterThan(old.signed.serial)
    expect(trust.checkHead(old)).toBeNull()
    expect(trust.checkHead(fresh)).toBeNull()
    expect(trust.checkHead(old)).toBe('rolled-back')
    expect(trust.checkHead(fresh)).toBeNull()

    const after = createTrust({ self: me.agentId, clock: () => now, fleetSecret: null })
    after.setProof(fleet.proof(me))
    after.restore(trust.snapshot())
    expect(after.checkHead(old)).toBe('rolled-back')
    expect(after.checkHead(fresh)).toBeNull()
  })

  it('of which we ourselves have found the successor at the origin is known to be old', () => {
    trust.checkPeer(peer.agentId, fleet.proof(peer))
    const theirs = machine(peer, fleet.proof(peer)).signer.signHead(headOf())!
    expect(trust.checkHead(theirs)).toBeNull()
    const mine = createSigner(me, trust).signHead(headOf({ validator: '"two"' }))!
    expect(mine.signed.serial).toBeGreaterThan(theirs.signed.serial)
    expect(trust.checkHead(theirs)).toBe('rolled-back')
  })

  it('and a known issuer are remembered over a restart, also when the own proof is known only later', () => {
    const proof = fleet.proof(peer)
    const { digests } = signedBy(peer, proof)
    trust.checkPeer(peer.agentId, proof)
    for (const late of [true, false]) {
      const after = createTrust({ self: me.agentId, clock: () => now, fleetSecret: null })
      if (late) after.restore(trust.snapshot())
      after.setProof(fleet.proof(me))
      if (!late) after.restore(trust.snapshot())
      expect(after.checkDigests(digests, null), `late ${late}`).toBeNull()
    }
    const elsewhere = createTrust({ self: me.agentId, clock: () => now, fleetSecret: null })
    elsewhere.restore(trust.snapshot())
    elsewhere.setProof(createTestFleet().proof(me))
    expect(elsewhere.checkDigests(digests, null)).toBe('unknown-issuer')
  })

  it('a damaged snapshot is no harm', () => {
    for (const snapshot of [undefined, null, 7, '', 'AAAA', trust.snapshot().slice(0, -5)])
      trust.restore(snapshot)
    expect(trust.checkPeer(peer.agentId, fleet.proof(peer))).toBeNull()
  })
})

describe('a purge', () => {
  const target = { kind: 'class', id: 'windows-update' } as const
  const purgeBy = (identity: Identity, proof: Proof) =>
    createSigner(identity, machine(identity, proof).trust).signPurge(target, now)!

  it('of a gateway counts everywhere, of a member in its site, for the gateway there too', () => {
    const farGateway = createIdentity()
    const gatewayProof = fleet.proof(farGateway, { role: 'gateway', site: 'far' })
    const memberProof = fleet.proof(peer)
    const byGateway = purgeBy(farGateway, gatewayProof)
    const byMember = purgeBy(peer, memberProof)
    expect(trust.checkPurge(byGateway, gatewayProof)).toBeNull()
    expect(trust.checkPurge(byMember, memberProof)).toBeNull()
    const gateway = machine(me, fleet.proof(me, { role: 'gateway' })).trust
    expect(gateway.checkPurge(byMember, memberProof)).toBeNull()
    const elsewhere = machine(me, fleet.proof(me, { site: 'far' })).trust
    expect(elsewhere.checkPurge(byMember, memberProof)).toBe('may-not-sign')
    expect(elsewhere.checkPurge(byGateway, gatewayProof)).toBeNull()
    trust.setMembersMaySign(false)
    expect(trust.checkPurge(byMember, memberProof)).toBe('may-not-sign')
    expect(trust.checkPurge(byGateway, gatewayProof)).toBeNull()
  })

  it('counts for nothing when it was changed, is from the future, or too old', () => {
    const proof = fleet.proof(peer)
    const purge = purgeBy(peer, proof)
    expect(trust.checkPurge(purge, fleet.proof(createIdentity()))).toBe('not-theirs')
    expect(trust.checkPurge({ ...purge, target: { kind: 'class', id: 'generic' } }, proof)).toBe(
      'bad-signature'
    )
    now -= 2 * clockToleranceMs
    expect(trust.checkPurge(purge, proof)).toBe('from-the-future')
    now += 31 * dayMs
    expect(trust.checkPurge(purge, proof)).toBe('expired')
  })
})

describe('this agent signs', () => {
  it('later than what was purged, whatever its own clock says', () => {
    const signer = createSigner(me, trust, { signAfter: () => now + minuteMs })
    const head = signer.signHead(headOf())!
    expect(head.signed.issuedAt).toBe(now + minuteMs)
    expect(trust.checkHead(head)).toBeNull()
    const digests = signer.signDigests(head.transfer, entries, head.signed.issuedAt)!
    expect(digests.signed.issuedAt).toBe(now + minuteMs)
  })

  it('only digests that its site would take, and heads always, for itself', () => {
    const signer = createSigner(me, trust)
    expect(signer.signDigests('a'.repeat(64), entries)).not.toBeNull()
    trust.setMembersMaySign(false)
    expect(trust.checkHead(signer.signHead(headOf())!)).toBeNull()
    expect(signer.signDigests('a'.repeat(64), entries)).toBeNull()
    expect(signer.signPurge({ kind: 'class', id: 'generic' }, now)).toBeNull()
    trust.setProof(fleet.proof(me, { role: 'gateway' }))
    expect(signer.signDigests('a'.repeat(64), entries)).not.toBeNull()
  })

  it('what it takes from itself, also without a fleet', () => {
    const alone = createTrust({ self: me.agentId, clock: () => now, fleetSecret: null })
    const signer = createSigner(me, alone)
    const head = signer.signHead(headOf())!
    expect(alone.checkHead(head)).toBeNull()
    expect(alone.checkDigests(signer.signDigests(head.transfer, entries)!, null)).toBeNull()
  })
})
