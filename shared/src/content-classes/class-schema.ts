/**
 * Content classes that an admin adds, as they come out of a configuration: checked as strictly as data from outside, and
 * with the globs parsed, so that a mistake is told at the start and not by the first URL that meets it.
 *
 * Every agent judges by its own classes, and nobody tells another of his. Agents of a site whose additions differ make
 * different keys of a URL, and so do not find each other's copies of it; nothing else goes wrong. Where they make the
 * same key all the same (a class that takes nothing off the address), they share, but who expects a digest of the
 * name goes past a head that leaves it out. So give all agents of a site the same additions.
 */
import { z } from 'zod'
import { messageOf } from '../errors.ts'
import { bytesFromText } from '../policy/quantities.ts'
import { GiB } from '../units.ts'
import { classesWith, genericClass } from './classes.ts'
import { hostMatches, type ContentClass } from './content-class.ts'
import { parseGlob } from './glob.ts'

const ownIds: ReadonlySet<string> = new Set([...classesWith([]), genericClass].map(({ id }) => id))

/** Room for a company's own sources; each is tried for each request. */
const classesMax = 100
const listMax = 64

const hostName = /^(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}$|^\[[0-9a-f:.]+\]$/i
const host = z
  .string()
  .max(253)
  .refine(text => text === '*' || hostName.test(text.replace(/^\*\./, '')), {
    error: 'give a host without port and path, like example.com, *.example.com or *'
  })
/** A glob over a path, as glob.ts reads it. */
export const pathGlob = z
  .string()
  .max(256)
  .superRefine((text, context) => {
    try {
      parseGlob(text)
    } catch (error) {
      context.addIssue({ code: 'custom', message: messageOf(error) })
    }
  })
const extension = z
  .string()
  .regex(/^[a-z0-9]{1,12}$/, { error: 'give an extension in lower case and without its dot, like iso' })
const minBytes = z.preprocess(
  value => (typeof value === 'string' ? (bytesFromText(value) ?? value) : value),
  z
    .number({ error: 'give a size like 64KiB' })
    .int()
    .min(1)
    .max(1024 * GiB)
)
const sentence = z.string().min(1).max(200)

const fields = z.strictObject({
  id: z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/, {
    error: 'give 1 to 64 small letters, digits and dashes, like model-hub'
  }),
  hosts: z.array(host).min(1).max(listMax),
  paths: z.array(pathGlob).min(1).max(listMax),
  extensions: z.array(extension).min(1).max(listMax).exactOptional(),
  key: z.enum(['digest', 'address']).default('address'),
  keyHost: host.exactOptional(),
  volatileQuery: z.array(z.string().min(1).max(100)).max(listMax).exactOptional(),
  immutable: z.boolean().exactOptional(),
  rangeFirst: z.boolean().default(false),
  shareWithCookies: z.boolean().exactOptional(),
  minBytes: minBytes.exactOptional(),
  neverShared: sentence.exactOptional(),
  cacheHost: z.boolean().exactOptional()
})

/** What the fields of a class mean for each other. [field, problem] */
function contradictions(rule: ContentClass): Array<readonly [string, string]> {
  const problems: Array<readonly [string, string]> = []
  const anyHost = rule.hosts.includes('*')
  if (ownIds.has(rule.id)) problems.push(['id', 'is the name of a class that Starling has: choose another'])
  if (rule.key === 'digest' && !rule.paths.every(text => /\{sha(1|256)\}/i.test(text)))
    problems.push(['key', 'can be digest only if each path has {sha1} or {sha256}: use address'])
  if (rule.key === 'digest' && anyHost)
    problems.push([
      'key',
      'cannot be digest for all hosts, because any host could claim any digest: name them'
    ])
  const { keyHost } = rule
  if (keyHost !== undefined && (anyHost || !rule.hosts.some(pattern => hostMatches(pattern, keyHost))))
    problems.push(['keyHost', 'must be one of the hosts of this class, and those must be named'])
  if (keyHost?.startsWith('*') === true) problems.push(['keyHost', 'is one host, without a star'])
  if (rule.cacheHost === true && anyHost)
    problems.push(['cacheHost', 'cannot be on for all hosts, because that is an open proxy: name them'])
  return problems
}

export const contentClassesSchema: z.ZodType<readonly ContentClass[]> = z
  .array(
    fields.superRefine((rule, context) => {
      for (const [field, message] of contradictions(rule))
        context.addIssue({ code: 'custom', path: [field], message })
    })
  )
  .max(classesMax)
  .superRefine((rules, context) => {
    rules.forEach(({ id }, index) => {
      if (rules.findIndex(other => other.id === id) < index)
        context.addIssue({ code: 'custom', path: [index, 'id'], message: 'is there twice: choose another' })
    })
  })
