/** A running agent's configuration is read again when its file or the machine's policy has changed. */
import { messageOf } from '@starling/shared/errors.ts'
import type { ConfigSource, LiveConfig } from '../config-reload.ts'
import { watchFile } from '../config-watch.ts'
import type { Log } from '../log.ts'
import type { Stops } from '../stops.ts'

export function reloadOnChange(
  source: ConfigSource,
  live: Pick<LiveConfig, 'reload'>,
  { log, stops }: { readonly log: Log; readonly stops: Stops }
): void {
  const reloads = (what: string) => () => {
    live.reload().catch((error: unknown) => {
      log.error({ problem: messageOf(error) }, `the changed ${what} could not be read`)
    })
  }
  const watch = watchFile(source.first.file, reloads('configuration'))
  stops.push(() => {
    watch.stop()
  })
  stops.push(source.watchMachine?.(reloads('machine policy')) ?? (() => {}))
}
