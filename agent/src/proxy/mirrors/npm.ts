/**
 * A registry of npm for reading, pure: metadata, tarballs, search. `npm audit`, which is a part of every install, is a question
 * too, though it is asked by POST. What changes something belongs to the registry itself, where tokens are meant for.
 */
import type { NpmMirror } from '../../mirror-config.ts'
import { onlyRead, reply, type Aim } from './aim.ts'
import { joined } from './joined.ts'

export function npmAim({ name, upstream }: NpmMirror): Aim {
  return (method, rest) => {
    const isRead = method === 'GET' || method === 'HEAD'
    if (!isRead && !(method === 'POST' && rest.startsWith('-/npm/v1/security/')))
      return onlyRead(
        `the mirror ${name} is only read: publish, log in and deprecate at ${upstream} itself (npm --registry)`
      )
    // Only here a slash may be encoded: the name of a scoped package is one segment.
    const scoped = /^((?:@|%40)[a-z0-9._~-]+)%2f/i.exec(rest)
    const url = joined(upstream, scoped === null ? rest : rest.replace(scoped[0], `${scoped[1]}/`))
    if (url === null) return reply(400, 'this path leads out of the registry')
    const isMetadata = isRead && !/(^|\/)-\//.test(rest.replace(/\?.*$/s, ''))
    return {
      kind: 'target',
      url: scoped === null ? url : spelled(url, upstream, scoped),
      isImmutable: false,
      isMetadata
    }
  }
}

/** As the client spelled it: a registry may know one of the two spellings only. */
function spelled(url: string, upstream: string, [encoded, scope]: RegExpExecArray): string {
  return `${upstream}${encoded}${url.slice(upstream.length + scope!.length + 1)}`
}
