/**
 * What is written down of the proxy's work: a line for each request (who fetched what), and a line for what was refused or
 * changed (who did what). Two series of files, so that many requests never push the few changes out.
 */
import { LRUCache } from 'lru-cache'
import { messageOf } from '@starling/shared/errors.ts'
import { minuteMs, type Bytes, type Millis } from '@starling/shared/units.ts'
import type { Log } from '../log.ts'
import type { AccessLogPort, RequestPage, RequestQuery } from '../ports.ts'
import { createLogFiles, type LogFiles, type LogSizes } from './log-files.ts'
import { searchRequests } from './search.ts'

/** What may change while it runs. */
export interface AccessLogRules {
  readonly requests: boolean
  readonly audit: boolean
  readonly fileBytes: Bytes
  readonly files: number
}

export interface AccessLogOptions extends AccessLogRules {
  readonly folder: string
  readonly now?: () => Millis
}

export interface AccessLog extends AccessLogPort {
  /** @throws StarlingError `bad-query` */
  search(query: RequestQuery): Promise<RequestPage>
  /** Lines that were dropped. */
  lost(): number
  reconfigure(rules: AccessLogRules): void
  close(): Promise<void>
}

/** Of one client and rule a line a minute: whoever makes refusals by the thousand must not push out what they hide. */
const sameRefusalMs: Millis = minuteMs
const refusersMax = 1000

export function createAccessLog(parts: { readonly log: Log }, options: AccessLogOptions): AccessLog {
  const log = parts.log.child({ part: 'access-log' })
  const now = options.now ?? Date.now
  const { folder } = options
  let rules: AccessLogRules = options
  /** A series that is off has no file open, and none is made. */
  const filesOf = (name: string): LogFiles =>
    createLogFiles({
      folder,
      name,
      ...sizesOf(options),
      troubled: error => {
        log.error(
          { folder, name, problem: messageOf(error) },
          'lines are lost until the disk takes them again: look at its space and its rights'
        )
      }
    })
  const requests = filesOf(names.requests)
  const audit = filesOf(names.audit)
  const refusals = new LRUCache<string, { until: Millis; more: number }>({ max: refusersMax })

  /** How many like it there were since the last one that was written; null: this one is not written. */
  function moreLike(key: string): number | null {
    const known = refusals.get(key)
    if (known !== undefined && known.until > now()) {
      known.more++
      return null
    }
    refusals.set(key, { until: now() + sameRefusalMs, more: 0 })
    return known?.more ?? 0
  }

  return {
    get notesRequests() {
      return rules.requests
    },
    note(line) {
      if (rules.requests) requests.write(JSON.stringify(line))
    },
    audit({ who, what, detail }) {
      if (!rules.audit) return
      const more = what === 'refused' ? moreLike(`${who} ${String(detail['rule'])}`) : 0
      if (more === null) return
      const told = more === 0 ? detail : { ...detail, moreBefore: more }
      audit.write(JSON.stringify({ time: new Date(now()).toISOString(), who, what, detail: told }))
    },
    async search(query) {
      await requests.flushed()
      return searchRequests(folder, names.requests, query)
    },
    lost: () => requests.lost() + audit.lost(),
    reconfigure(next) {
      rules = next
      for (const [files, isOn] of [
        [requests, next.requests],
        [audit, next.audit]
      ] as const) {
        files.follow(sizesOf(next))
        if (isOn) continue
        files.close().catch((error: unknown) => {
          log.warn(
            { folder, problem: messageOf(error) },
            'a file of lines that are written no more cannot be closed'
          )
        })
      }
    },
    async close() {
      await Promise.all([requests.close(), audit.close()])
    }
  }
}

function sizesOf({ fileBytes, files }: AccessLogRules): LogSizes {
  return { fileBytes, filesMax: files }
}

const names = { requests: 'access', audit: 'audit' } as const
