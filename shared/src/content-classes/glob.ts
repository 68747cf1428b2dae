/**
 * Path globs, matched part by part with the set of all positions reached so far. Regular expressions would be shorter,
 * and three wildcards on a hostile path of 4,000 characters kept one busy for 15 seconds; this is linear in the path
 * for each part, whatever the pattern.
 *
 *     *         any run of characters within one path segment
 *     **        any run of characters, slashes too
 *     {sha1}    40 hex digits, {sha256} 64, {guid} 8-4-4-4-12
 *     {tail}    two hex digits that must be the last two of the digest (WSUS names its folders so)
 *     {ext}     one file name extension without its dot
 *     {version} a whole version as Go writes them: v1.2.3, v2.0.0-rc.1, v2.0.0+incompatible
 */
import { StarlingError } from '../errors.ts'

export interface Glob {
  readonly parts: readonly string[]
}

/** What the digest tokens stood for, in lower case. */
export interface GlobFound {
  readonly sha1: string | null
  readonly sha256: string | null
}

const fixedTokens: Readonly<Record<string, { readonly length: number; readonly shape: RegExp }>> = {
  '{sha1}': { length: 40, shape: /^[0-9a-f]{40}$/ },
  '{sha256}': { length: 64, shape: /^[0-9a-f]{64}$/ },
  '{guid}': { length: 36, shape: /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/ },
  '{tail}': { length: 2, shape: /^[0-9a-f]{2}$/ }
}
const tokens = ['**', '*', '{ext}', '{version}', ...Object.keys(fixedTokens)]
const extLengthMax = 12
/** Two whole pseudo-versions' worth. */
const versionLengthMax = 128
const versionShape = /^v\d+\.\d+\.\d+(?:-[0-9a-z-]+(?:\.[0-9a-z-]+)*)?(?:\+[0-9a-z-]+(?:\.[0-9a-z-]+)*)?$/

/** @throws StarlingError `bad-content-class` */
export function parseGlob(text: string): Glob {
  const bad = (why: string): StarlingError =>
    new StarlingError('bad-content-class', `the path pattern ${JSON.stringify(text)} ${why}`)
  if (!/^(\/|\*\*)/.test(text)) throw bad('must begin with / or **')
  const parts = text
    .toLowerCase()
    .split(/(\*\*|\*|\{[^}]*\})/)
    .filter(part => part !== '')
  for (const part of parts) {
    if (!part.startsWith('{')) continue
    if (!tokens.includes(part)) throw bad(`has ${part}, which is none of ${tokens.join(' ')}`)
    if (parts.indexOf(part) !== parts.lastIndexOf(part)) throw bad(`has ${part} twice: each may stand once`)
  }
  return { parts }
}

/** Position in the path -> the position that the part before it began at, from which it was reached. */
type Reached = Map<number, number>

/** Matches the whole path, without regard to case; null if it does not. */
export function matchGlob(glob: Glob, path: string): GlobFound | null {
  const text = path.toLowerCase()
  const last = glob.parts.at(-1)
  if (last !== undefined && !tokens.includes(last) && !text.endsWith(last)) return null
  const steps: Reached[] = []
  let from: Iterable<number> = [0]
  for (const part of glob.parts) {
    const reached = after(part, text, from)
    if (reached.size === 0) return null
    steps.push(reached)
    from = reached.keys()
  }
  return found(glob, text, steps)
}

function after(part: string, text: string, from: Iterable<number>): Reached {
  const reached: Reached = new Map()
  const reach = (position: number, start: number): void => {
    if (!reached.has(position)) reached.set(position, start)
  }
  let covered = -1
  for (const start of [...from].toSorted((a, b) => a - b)) {
    if (part === '**') {
      // The first start already reaches everything behind it.
      for (let position = start; position <= text.length; position++) reach(position, start)
      break
    }
    if (part === '*') {
      // Starts are in order: what an earlier one covered up to its slash need not be walked again.
      let position = Math.max(start, covered)
      reach(start, start)
      for (; position <= text.length; position++) {
        reach(position, start)
        if (text[position] === '/') break
      }
      covered = position
      continue
    }
    if (part === '{ext}') {
      const run = /^[a-z0-9]+/.exec(text.slice(start, start + extLengthMax))?.[0].length ?? 0
      for (let length = 1; length <= run; length++) reach(start + length, start)
      continue
    }
    if (part === '{version}') {
      const run = /^v\d[0-9a-z.+-]*/.exec(text.slice(start, start + versionLengthMax))?.[0] ?? ''
      for (let length = 1; length <= run.length; length++)
        if (versionShape.test(run.slice(0, length))) reach(start + length, start)
      continue
    }
    const token = fixedTokens[part]
    const length = token?.length ?? part.length
    const here = text.slice(start, start + length)
    if (token === undefined ? here === part : token.shape.test(here)) reach(start + length, start)
  }
  return reached
}

/** Walks back from the end of the path and reads what stood for the tokens. */
function found(glob: Glob, text: string, steps: readonly Reached[]): GlobFound | null {
  const stood = new Map<string, string>()
  let end = text.length
  for (let index = steps.length - 1; index >= 0; index--) {
    const start = steps[index]!.get(end)
    if (start === undefined) return null
    stood.set(glob.parts[index]!, text.slice(start, end))
    end = start
  }
  const sha1 = stood.get('{sha1}') ?? null
  const sha256 = stood.get('{sha256}') ?? null
  const tail = stood.get('{tail}')
  if (tail !== undefined && !(sha256 ?? sha1)?.endsWith(tail)) return null
  return { sha1, sha256 }
}
