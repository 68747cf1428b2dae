/**
 * Passwords are kept as argon2id (RFC 9106) in the usual PHC form, so that the parameters can be raised later: each hash says
 * with which it was made. 19 MiB and two passes is what OWASP asks for; it takes some 60 ms here, on a thread of its own.
 *
 * At most two are worked on at a time and few may wait: a storm of sign-ins must not eat the machine that answers agents.
 */
import { argon2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { StarlingError } from '@starling/shared/errors.ts'
import { createTurns } from './turns.ts'

const argon2Async = promisify(argon2)

interface Cost {
  readonly memory: number
  readonly passes: number
  readonly parallelism: number
}

/** Memory in KiB. */
const signInCost: Cost = { memory: 19_456, passes: 2, parallelism: 1 }
/** For keys in files, which may be guessed at elsewhere, at leisure: RFC 9106's second recommendation. */
export const fileCost: Cost = { memory: 65_536, passes: 3, parallelism: 4 }
const hashBytes = 32
const inTurn = createTurns({ atOnceMax: 2, waitingMax: 32 }, 'sign-ins')

export const passwordLengthMin = 12
export const passwordLengthMax = 256

/** @throws StarlingError `password-weak`, `too-busy` */
export async function hashPassword(password: string, name: string): Promise<string> {
  refuseWeak(password, name)
  const salt = randomBytes(16)
  const hash = await inTurn(() => derive(password, salt, signInCost))
  const { memory, passes, parallelism } = signInCost
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${base64(salt)}$${base64(hash)}`
}

/**
 * @param hash null for who has none (an account that does not exist): takes as long, and is wrong.
 * @throws StarlingError `too-busy`
 */
export async function isPassword(password: string, hash: string | null): Promise<boolean> {
  const [, m, t, p, salt, kept] =
    /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([\w+/]+)\$([\w+/]+)$/.exec(hash ?? '') ?? []
  const cost =
    kept === undefined ? signInCost : { memory: Number(m), passes: Number(t), parallelism: Number(p) }
  const expected = Buffer.from(kept ?? '', 'base64')
  const found = await inTurn(() =>
    derive(password.slice(0, passwordLengthMax), Buffer.from(salt ?? 'bm9ib2R5LWlzLWhlcmU', 'base64'), cost)
  )
  return expected.length === found.length && timingSafeEqual(expected, found)
}

/** 32 bytes of key. */
export async function derive(password: string, nonce: Uint8Array, cost: Cost): Promise<Buffer> {
  return await argon2Async('argon2id', {
    message: password.normalize('NFKC'),
    nonce,
    tagLength: hashBytes,
    ...cost
  })
}

/** @throws StarlingError `password-weak` */
export function refuseWeak(password: string, name: string): void {
  if (password.length < passwordLengthMin || password.length > passwordLengthMax)
    throw weak(`has to have ${passwordLengthMin} to ${passwordLengthMax} characters`)
  if (password.toLowerCase().includes(name.toLowerCase())) throw weak('holds the name of the account')
  if (new Set(password.toLowerCase()).size < 5) throw weak('is made of too few different characters')
  if (/^(.{1,6})\1+.{0,5}$/.test(password)) throw weak('repeats itself')
}

function weak(why: string): StarlingError {
  return new StarlingError(
    'password-weak',
    `this password ${why}: choose another, for example four random words`
  )
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64').replaceAll('=', '')
