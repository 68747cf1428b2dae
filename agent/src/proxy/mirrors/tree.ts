/** A tree of files that is somewhere else: apt repositories, static files. Pure. */
import type { TreeMirror } from '../../mirror-config.ts'
import { onlyRead, reply, type Aim } from './aim.ts'
import { joined } from './joined.ts'

export function treeAim({ name, upstream }: TreeMirror): Aim {
  return (method, rest) => {
    if (method !== 'GET' && method !== 'HEAD') return onlyRead(`the mirror ${name} is only read (GET, HEAD)`)
    const url = joined(upstream, rest)
    if (url === null) return reply(400, `this path leads out of the mirror ${name}`)
    return { kind: 'target', url, isImmutable: false, isMetadata: false }
  }
}
