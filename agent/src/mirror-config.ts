/**
 * Mirrors as an admin writes them: data, checked as strictly as all data from outside. What a mirror does with a request
 * is in proxy/mirrors.
 */
import { parseGlob } from '@starling/shared/content-classes/glob.ts'
import { z } from 'zod'

interface AnyMirror {
  /** Clients ask for `/m/<name>/...`. */
  readonly name: string
  /** Absolute, ends in a slash: what a client asks for is joined to it. */
  readonly upstream: string
  /** Names by which clients reach this machine, beside its addresses, localhost and its own name. */
  readonly hosts: readonly string[]
}

/** Module patterns are those of GOPRIVATE: globs over the first elements of a module path. */
export interface GoMirror extends AnyMirror {
  readonly kind: 'go'
  /** Empty: all modules. */
  readonly allow: readonly string[]
  readonly deny: readonly string[]
  /** Their names must not leave the company: neither upstream nor the checksum database hears of them. */
  readonly private: readonly string[]
  /** Its name is what GOSUMDB calls it, which is not always its host. `url` ends in a slash. */
  readonly sumdb: { readonly name: string; readonly url: string } | null
}
export interface NpmMirror extends AnyMirror {
  readonly kind: 'npm'
}
export interface TreeMirror extends AnyMirror {
  readonly kind: 'tree'
}
export type MirrorConfig = GoMirror | NpmMirror | TreeMirror

/** Each is a place of its own to be configured at clients; more than a few dozen nobody runs. */
const mirrorsMax = 64
const listMax = 256

const name = z.string().regex(/^[a-z0-9][a-z0-9-]{0,31}$/, {
  error: 'give 1 to 32 small letters, digits and dashes, like go or company-npm'
})

const server = z.string().transform((text, context) => {
  const url = URL.parse(text)
  const problem = problemOf(text, url)
  if (url !== null && problem === null) return url.href.endsWith('/') ? url.href : `${url.href}/`
  context.addIssue({ code: 'custom', message: problem ?? 'is no address' })
  return z.NEVER
})

function problemOf(text: string, url: URL | null): string | null {
  if (url === null || !/^https?:\/\//i.test(text))
    return 'give an address like https://packages.example/ or http://registry.corp.example:4873/npm'
  if (url.username !== '' || url.password !== '')
    return 'leave out user name and password: a client sends its own to the mirror, and it passes them on'
  if (/[?#]/.test(text)) return 'leave out ? and #: the path of each request is joined to this address'
  return null
}

const host = z.string().regex(/^(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}$/i, {
  error: 'give a host without port and path, like mirror.corp.example'
})

const modulePattern = z
  .string()
  .max(256)
  .refine(
    text => /^[a-z0-9._~*-]+(?:\/[a-z0-9._~*-]+)*$/i.test(text) && !text.includes('**') && parses(text),
    {
      error:
        'give a module path in which * is anything within one element, like corp.example/* or *.corp.example'
    }
  )

function parses(pattern: string): boolean {
  try {
    return parseGlob(`/${pattern}`).parts.length > 0
  } catch {
    return false
  }
}

const modulePatterns = z.array(modulePattern).max(listMax).default([])
const common = { name, upstream: server, hosts: z.array(host).max(listMax).default([]) }
const sumdb = z.strictObject({
  name: z.string().regex(/^[a-z0-9._~:-]+(?:\/[a-z0-9._~:-]+)*$/i, {
    error: 'give the name by which GOSUMDB calls it, like sum.example'
  }),
  url: server
})

const mirror = z.discriminatedUnion(
  'kind',
  [
    z.strictObject({
      kind: z.literal('go'),
      ...common,
      allow: modulePatterns,
      deny: modulePatterns,
      private: modulePatterns,
      sumdb: sumdb.nullable().default(null)
    }),
    z.strictObject({ kind: z.literal('npm'), ...common }),
    z.strictObject({ kind: z.literal('tree'), ...common })
  ],
  { error: 'give one of the kinds go, npm and tree' }
)

export const mirrorsSchema: z.ZodType<readonly MirrorConfig[]> = z
  .array(mirror)
  .max(mirrorsMax)
  .superRefine((mirrors, context) => {
    mirrors.forEach((one, index) => {
      if (mirrors.findIndex(other => other.name === one.name) < index)
        context.addIssue({ code: 'custom', path: [index, 'name'], message: 'is there twice: choose another' })
    })
  })
