/** What one can say after `npm start --`. */
import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { StarlingError, messageOf } from '@starling/shared/errors.ts'
import type { BytesPerSecond } from '@starling/shared/units.ts'

export type Subject =
  | { readonly kind: 'made' }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'url'; readonly url: string }

export interface DemoOptions {
  readonly subject: Subject
  readonly once: boolean
  readonly json: boolean
  readonly help: boolean
  /** Null: as fast as loopback goes. */
  readonly wanRate: BytesPerSecond | null
}

/** Fast enough that nobody gets bored, slow enough that one sees what three downloads side by side would cost. */
const wanMbitDefault = 200

export const help = `npm start -- [file or URL] [options]

Shows Starling at work on this machine: an origin, a coordinator with its gateway, and three agents, all of them
real processes. The three agents are asked for the same file at the same time; it crosses the "WAN" once.

  file or URL       what to share: a file of yours, or an http:// URL out there
                    (default: a file of 256 MiB, made once)
  --once            end after the table, instead of keeping the pages up until Ctrl-C
  --json            the last line of stdout is one JSON object with the figures
  --wan-mbit N      speed of the emulated line to the origin in Mbit/s, 0 for no limit (default: ${wanMbitDefault})
  --help            this text

  npm start -- agent ...          the agent's own command line
  npm start -- coordinator ...    the coordinator's own command line
`

/** @throws StarlingError `bad-usage` */
export function parseOptions(args: readonly string[]): DemoOptions {
  let parsed
  try {
    parsed = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        once: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
        'wan-mbit': { type: 'string', default: String(wanMbitDefault) }
      }
    })
  } catch (error) {
    throw new StarlingError('bad-usage', `${messageOf(error)} (npm start -- --help tells what there is)`)
  }
  const { values, positionals } = parsed
  if (positionals.length > 1) throw new StarlingError('bad-usage', 'give one file or URL, not several')
  const mbit = Number(values['wan-mbit'])
  if (!Number.isFinite(mbit) || mbit < 0) {
    throw new StarlingError(
      'bad-usage',
      `--wan-mbit takes a number of Mbit/s, not ${JSON.stringify(values['wan-mbit'])}`
    )
  }
  return {
    subject: subjectOf(positionals[0]),
    once: values.once,
    json: values.json,
    help: values.help,
    wanRate: mbit === 0 ? null : (mbit * 1e6) / 8
  }
}

function subjectOf(text: string | undefined): Subject {
  if (text === undefined) return { kind: 'made' }
  if (/^http:\/\//i.test(text)) {
    if (!URL.canParse(text)) throw new StarlingError('bad-usage', `${text} is not a URL`)
    return { kind: 'url', url: text }
  }
  if (/^https:\/\//i.test(text)) {
    throw new StarlingError(
      'bad-usage',
      'an https:// URL goes through a proxy unseen, so there is nothing to share yet: give an http:// URL or a file'
    )
  }
  const path = resolve(text)
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined) throw new StarlingError('bad-usage', `there is no file ${path}`)
  if (!found.isFile()) throw new StarlingError('bad-usage', `${path} is not a file`)
  if (found.size === 0)
    throw new StarlingError('bad-usage', `${path} is empty: give a file with something in it`)
  return { kind: 'file', path }
}
