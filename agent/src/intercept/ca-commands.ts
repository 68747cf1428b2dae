/** What `starling ca` does, without its words: cli/ca.ts has those. Works beside a running agent, which looks again. */
import { hostname } from 'node:os'
import { StarlingError } from '@starling/shared/errors.ts'
import { publicSuffixIn, suffixProblem } from '@starling/shared/policy/public-suffix.ts'
import type { Millis } from '@starling/shared/units.ts'
import type { CaPort, CaView } from '../ports.ts'
import { readCas, writeCas, type SecretFiles } from './ca-file.ts'
import { describeCa, makeCa, type Ca } from './certificates.ts'
import { caNamesOf } from './names.ts'
import { fitsList, handOverAt, liveOf } from './renewal.ts'

export function createCaCommands(
  files: SecretFiles,
  path: string,
  hosts: readonly string[],
  clock: () => Millis = Date.now
): CaPort {
  return {
    async init(isAtOnce) {
      if (hosts.length === 0) {
        throw new StarlingError(
          'no-hosts',
          'a CA is made for the hosts in intercept.hosts, and none are listed: list them in config.json first, and run this again'
        )
      }
      const suffix = hosts.map(publicSuffixIn).find(one => one !== null && one !== 'localhost')
      if (suffix !== undefined && suffix !== null)
        throw new StarlingError('broad-hosts', `intercept.hosts goes too far: ${suffixProblem(suffix)}`)
      const now = clock()
      const live = liveOf(await readCas(files, path), now)
      const present = live[0]
      if (present !== undefined && !isAtOnce && fitsList(live, hosts, now)) {
        throw new StarlingError(
          'ca-exists',
          'there is a CA for just these hosts, and it is renewed by the running agent: `starling ca show` tells until when. ' +
            'With --now another one is made that signs at once, as when the key may be known to somebody'
        )
      }
      const signsFrom = present === undefined || isAtOnce ? now : handOverAt(present, now)
      const made = await makeCa(caNamesOf(hosts), hostname(), { now, signsFrom })
      // What was to follow the present one, and has never signed, was for another list.
      const kept = isAtOnce ? [] : live.filter(ca => ca.signsFrom <= now)
      await writeCas(files, path, [made, ...kept])
      return viewOf(made)
    },
    async list() {
      const now = clock()
      const live = liveOf(await readCas(files, path), now)
      return {
        authorities: live.map(ca => ({ ...viewOf(ca), certificatePem: ca.certificatePem })),
        fits: fitsList(live, hosts, now)
      }
    }
  }
}

/** Without its key. */
export function viewOf({ certificatePem, names, signsFrom, expiresAt }: Ca): CaView {
  return { ...describeCa(certificatePem), names: names.permitted, signsFrom, expiresAt }
}
