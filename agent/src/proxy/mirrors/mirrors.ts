/**
 * Mirrors: `/m/<name>/...` on our address is `<upstream>/...`, for programs that are told a registry and not a proxy. What comes
 * of it is an ordinary request for the upstream's address and goes the way of all others, so that a file is the same content to
 * the site however it was asked for.
 *
 * A mirror answers to the names of this machine only: a browser can be made to believe that any other name leads here (DNS
 * rebinding), and would let the page of that name read a company's packages.
 */
import { isIP } from 'node:net'
import type { MirrorConfig } from '../../mirror-config.ts'
import { reply, type Aim, type Reply } from './aim.ts'
import { goAim } from './go.ts'
import { npmAim } from './npm.ts'
import { createTarballAddresses, type TarballAddresses } from './tarball-addresses.ts'
import { treeAim } from './tree.ts'

/** How a request of a mirror differs from one for its upstream's address. */
export interface Mirrored {
  /** Never changes, whatever its content class says. */
  readonly isImmutable: boolean
  /** What is done to the document for the client; null: nothing. */
  readonly addresses: TarballAddresses | null
}

export type MirrorAnswer =
  | {
      readonly kind: 'target'
      readonly face: 'mirror'
      readonly url: string
      readonly mirrored: Mirrored
    }
  | Reply

export interface MirrorRequest {
  readonly method: string
  readonly name: string
  /** Behind `/m/<name>/`, with its query. */
  readonly rest: string
  /** The Host field. */
  readonly host: string | null
}

/** @param ownName what the system calls this machine */
export function createMirrors(
  configs: readonly MirrorConfig[],
  ownName: string
): (request: MirrorRequest) => MirrorAnswer {
  const mirrors = new Map(configs.map(config => [config.name, { config, aim: aimOf(config) }]))
  return ({ method, name, rest, host }) => {
    const mirror = mirrors.get(name)
    if (mirror === undefined) return noMirror(name, [...mirrors.keys()])
    const { config, aim } = mirror
    if (host === null || !isOurs(host, [ownName, ...config.hosts]))
      return reply(
        403,
        `the mirror ${name} does not answer to ${JSON.stringify(host ?? '')}: ` +
          `use this machine's address, or list the name in mirrors (${name}, hosts)`,
        'mirror-hosts'
      )
    const aimed = aim(method, rest)
    if (aimed.kind === 'reply') return aimed
    const addresses = aimed.isMetadata
      ? createTarballAddresses(config.upstream, `http://${host}/m/${name}/`)
      : null
    const mirrored = { isImmutable: aimed.isImmutable, addresses }
    return { kind: 'target', face: 'mirror', url: aimed.url, mirrored }
  }
}

function aimOf(config: MirrorConfig): Aim {
  switch (config.kind) {
    case 'go':
      return goAim(config)
    case 'npm':
      return npmAim(config)
    case 'tree':
      return treeAim(config)
  }
}

function noMirror(name: string, names: readonly string[]): Reply {
  const known = names.length === 0 ? 'none is' : `there is ${names.join(', ')}`
  return reply(404, `no mirror is called ${JSON.stringify(name)}; ${known} in mirrors of the configuration`)
}

function isOurs(host: string, names: readonly string[]): boolean {
  const name = host.replace(/:\d{1,5}$/, '').replace(/^\[(.*)\]$/, '$1')
  if (isIP(name) !== 0 || /^localhost$/i.test(name)) return true
  return names.some(own => own.toLowerCase() === name.toLowerCase())
}
