/**
 * What an admin lets clients ask for, pure: an ordered list of rules of which the first that fits decides. It is asked with
 * the target that will be fetched, whichever way the client came, so that a rule cannot be got round by asking as a cache
 * host what is refused as a proxy.
 *
 * Servers take many spellings for one path, so a rule is compared with the plainest: percent signs undone, slashes single,
 * case aside. That a path is denied which its server would tell from a denied one is the lesser evil. What is sent is the client's
 * own spelling, so of a path that is read in two ways (in `/a//../b` some servers go up from the empty segment, some from
 * `a`) each must be allowed.
 */
import { matchGlob, parseGlob } from '@starling/shared/content-classes/glob.ts'
import { StarlingError } from '@starling/shared/errors.ts'
import type { ProxyRule } from '@starling/shared/policy/access.ts'
import { requestTargetOf } from '@starling/shared/request-target.ts'
import { networkCheck } from './clients.ts'
import { isListed } from './host-patterns.ts'

export interface Asked {
  readonly method: string
  /** Without brackets. */
  readonly host: string
  readonly port: number
  /** As it is spelled. Null: a tunnel, which does not show it. */
  readonly path: string | null
  readonly client: string | undefined
}

export interface Denial {
  readonly rule: string
  /** 405: with another method the answer is another. */
  readonly status: 403 | 405
  readonly text: string
  /** Methods that may be used, if the method was what was wrong. */
  readonly allow: readonly string[]
}

export interface Filters {
  /** Nobody need say what is asked for. */
  readonly isEmpty: boolean
  /** Null: it may be asked. */
  denialOf(asked: Asked): Denial | null
}

/** What Allow tells (RFC 9110, 9.3): those that can be told to anybody. */
const usualMethods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']

/** @throws StarlingError `bad-config`, `bad-content-class` */
export function createFilters(rules: readonly ProxyRule[]): Filters {
  const compiled = rules.map(rule => ({ rule, fits: compile(rule) }))
  const decisive = (asked: Asked): ProxyRule | null => {
    const deciding = readingsOf(asked.path).map(
      path => compiled.find(({ fits }) => fits({ ...asked, path }))?.rule ?? null
    )
    return deciding.find(rule => rule?.action === 'deny') ?? deciding[0] ?? null
  }
  return {
    isEmpty: rules.length === 0,
    denialOf(asked) {
      const rule = decisive(asked)
      if (rule === null || rule.action === 'allow') return null
      const allow =
        rule.methods === undefined || asked.path === null
          ? []
          : usualMethods.filter(method => decisive({ ...asked, method })?.action !== 'deny')
      return {
        rule: rule.name,
        status: allow.length > 0 ? 405 : 403,
        text:
          `the rule ${rule.name} of proxy.rules does not allow ` +
          `${asked.method} ${asked.host} for ${asked.client ?? 'anybody'}: ask the admin of this proxy if that is needed`,
        allow
      }
    }
  }
}

/**
 * The same rules for where a redirect leads that we follow ourselves: what is denied directly must not come by a detour. Whoever
 * asked is not known there, since the answer is for all: rules for some clients do not count.
 * @throws StarlingError `redirect-denied`
 */
export function createRedirectCheck(rules: readonly ProxyRule[]): (url: string) => void {
  const filters = createFilters(rules)
  return url => {
    const denial = filters.denialOf(askedOf(url, 'GET', undefined))
    if (denial !== null)
      throw new StarlingError(
        'redirect-denied',
        `the origin redirects to ${new URL(url).host}: ${denial.text}`
      )
  }
}

/** @param address absolute */
export function askedOf(address: string, method: string, client: string | undefined): Asked {
  const url = new URL(address)
  return {
    method,
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: Number(url.port || (url.protocol === 'https:' ? 443 : 80)),
    path: requestTargetOf(address)?.replace(/\?.*$/s, '') ?? null,
    client
  }
}

function compile(rule: ProxyRule): (asked: Asked) => boolean {
  const { hosts, methods } = rule
  const paths = rule.paths?.map(pattern => parseGlob(inUrls(pattern)))
  const clients = rule.clients === undefined ? null : networkCheck(rule.clients, `proxy.rules (${rule.name})`)
  return ({ method, host, port, path, client }) =>
    (methods === undefined || methods.includes(method)) &&
    (hosts === undefined || isListed(hosts, host, port)) &&
    (paths === undefined || (path !== null && paths.some(glob => matchGlob(glob, path) !== null))) &&
    (clients === null || clients(client))
}

/** What a server may make of it: as it is spelled, and as the parser of URLs has it. */
function readingsOf(path: string | null): ReadonlyArray<string | null> {
  if (path === null) return [null]
  const parsed = URL.parse(`http://host${path}`)?.pathname ?? path
  return [...new Set([plainPath(path), plainPath(parsed)])]
}

/** Undone twice: some servers do so too, and `%2570` is how one gets past those who do it once. */
function plainPath(path: string): string {
  const undone = undo(undo(path)).replaceAll('\\', '/')
  const kept: string[] = []
  for (const part of undone.split('/')) {
    if (part === '..') kept.pop()
    else if (part !== '' && part !== '.') kept.push(part)
  }
  const isFolder = kept.length > 0 && /\/\.{0,2}$/.test(undone)
  return `/${kept.join('/')}${isFolder ? '/' : ''}`
}

/** ASCII only: the rest is compared as it is written in URLs. */
const undo = (text: string): string =>
  text.replace(/%([0-7][0-9a-f])/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))

const inUrls = (pattern: string): string => pattern.replace(/[^\p{ASCII}]+/gu, encodeURIComponent)
