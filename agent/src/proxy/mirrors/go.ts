/**
 * A Go module proxy (go.dev/ref/mod#goproxy-protocol), pure: which requests are part of the protocol, which modules may pass, and
 * what belongs to the checksum database (go.googlesource.com/proposal, 25530-sumdb).
 *
 * 404 is the word by which `GOPROXY=http://...,direct` goes on to the next in its list, so that is how a module is refused. The
 * go command prints the text of such an answer.
 */
import { matchGlob, parseGlob, type Glob } from '@starling/shared/content-classes/glob.ts'
import type { GoMirror } from '../../mirror-config.ts'
import { joined } from './joined.ts'
import { onlyRead, reply, type Aim, type Aimed, type Reply } from './aim.ts'

interface Rule {
  readonly pattern: string
  readonly elements: number
  readonly glob: Glob
}

/**
 * A module path as it is escaped in addresses: `!b` for B. The first element has a dot, which keeps out what some module
 * proxies serve beside modules (`cached-only/...`) and by which the rules could be evaded.
 */
const moduleShape =
  '[a-z0-9][a-z0-9-]*(?:\\.[a-z0-9-]+)+(?:\\/(?:[a-z0-9_~-]|![a-z])(?:[a-z0-9._~-]|![a-z])*)*'
const versionShape = '[A-Za-z0-9!][A-Za-z0-9!._~+=@^-]*'
const ofModule = new RegExp(`^(${moduleShape})/(?:@latest|@v/(?:list|${versionShape}\\.(?:info|mod|zip)))$`)
const ofLookup = new RegExp(`^lookup/(${moduleShape})@${versionShape}$`)
/** A tile is a part of a log that only grows: neither a full nor a partial one ever changes. */
const ofTile = /^tile\/\d{1,2}\/(?:data|\d{1,2})\/(?:x\d{3}\/)*\d{3}(?:\.p\/\d{1,3})?$/

export function goAim(config: GoMirror): Aim {
  const mayNotLeave = config.private.map(ruleOf)
  const denied = config.deny.map(ruleOf)
  const allowed = config.allow.map(ruleOf)
  const listed = (what: string): string => `in the mirror ${config.name} (${what})`

  function refusal(module: string): Reply | null {
    const hidden = firstOf(mayNotLeave, module)
    if (hidden !== null) {
      const rule = `is private by the rule ${hidden} ${listed('private')}`
      return reply(404, `${module} ${rule}: have GOPRIVATE name it, and fetch it directly`, 'mirror-private')
    }
    const forbidden = firstOf(denied, module)
    if (forbidden !== null)
      return reply(404, `${module} is denied by the rule ${forbidden} ${listed('deny')}`, 'mirror-modules')
    if (allowed.length > 0 && firstOf(allowed, module) === null)
      return reply(
        404,
        `${module} is not among the modules that are allowed ${listed('allow')}`,
        'mirror-modules'
      )
    return null
  }

  function aimAtSumdb(path: string): Aimed {
    const { sumdb } = config
    if (sumdb === null)
      return reply(
        404,
        `the mirror ${config.name} passes no checksum database on: the go command asks it directly`
      )
    if (!path.startsWith(`${sumdb.name}/`))
      return reply(404, `the mirror ${config.name} passes on the checksum database ${sumdb.name} only`)
    const asked = path.slice(sumdb.name.length + 1)
    if (asked === 'supported') return reply(200, `the checksum database ${sumdb.name} can be asked here`)
    const [, looked] = ofLookup.exec(asked) ?? []
    const module = looked === undefined ? null : unescaped(looked)
    const hidden = module === null ? null : firstOf(mayNotLeave, module)
    if (hidden !== null) {
      const rule = `is private by the rule ${hidden} ${listed('private')}`
      const text = `${module} ${rule}, and not looked up in public: have GOPRIVATE or GONOSUMDB name it`
      return reply(404, text, 'mirror-private')
    }
    const isTile = ofTile.test(asked)
    if (module === null && !isTile && asked !== 'latest') return noPath
    const url = joined(sumdb.url, asked)
    return url === null ? noPath : { kind: 'target', url, isImmutable: isTile, isMetadata: false }
  }

  return (method, rest) => {
    if (method !== 'GET' && method !== 'HEAD') return onlyRead('a Go module proxy is only read (GET, HEAD)')
    const path = decoded(rest.replace(/\?.*$/s, ''))
    if (path.startsWith('sumdb/')) return aimAtSumdb(path.slice('sumdb/'.length))
    const [, escaped] = ofModule.exec(path) ?? []
    if (escaped === undefined) return noPath
    const refused = refusal(unescaped(escaped))
    if (refused !== null) return refused
    const url = joined(config.upstream, path)
    return url === null ? noPath : { kind: 'target', url, isImmutable: false, isMetadata: false }
  }
}

const noPath = reply(
  404,
  'this is no path of the GOPROXY protocol: <module>/@v/list, <module>/@v/<version>.info, .mod or .zip, <module>/@latest'
)

/** Once: the go command writes ! as %21. Rules and keys must not depend on the spelling. */
function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

function unescaped(module: string): string {
  return module.replace(/!([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

function ruleOf(pattern: string): Rule {
  return { pattern, elements: pattern.split('/').length, glob: parseGlob(`/${pattern}`) }
}

/** The first rule whose pattern fits as many elements of the path as it has itself. */
function firstOf(rules: readonly Rule[], module: string): string | null {
  const elements = module.split('/')
  const found = rules.find(
    ({ elements: count, glob }) =>
      count <= elements.length && matchGlob(glob, `/${elements.slice(0, count).join('/')}`) !== null
  )
  return found?.pattern ?? null
}
