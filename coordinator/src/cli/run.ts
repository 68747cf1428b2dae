/** `starling-coordinator run`: until it is told to stop. */
import { join } from 'node:path'
import { firstAdminFileName } from '../accounts.ts'
import type { CoordinatorConfig } from '../config.ts'
import { createCoordinator, type StartGateway } from '../coordinator.ts'
import { createLog } from '../log.ts'
import { print, when } from './output.ts'

export interface RunOptions {
  readonly json: boolean
  readonly logLevel: string
  /** How the service host of Windows stops it, where there is no SIGTERM. */
  readonly stopOnStdinEnd: boolean
}

/** Resolves when the coordinator has stopped after SIGINT, SIGTERM, (a closed console on Windows) SIGHUP, or the end of stdin. */
export async function run(
  config: CoordinatorConfig,
  startGateway: StartGateway | null,
  options: RunOptions
): Promise<void> {
  const log = createLog(options.logLevel)
  const told = new Promise<string>(resolve => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGBREAK'] as const) {
      if (signal !== 'SIGBREAK' || process.platform === 'win32') process.once(signal, resolve)
    }
    if (options.stopOnStdinEnd) {
      const ended = (): void => resolve('stdin ended')
      process.stdin.once('end', ended).once('close', ended).once('error', ended).resume()
    }
  })
  const coordinator = await createCoordinator(config, {
    log,
    ...(startGateway === null ? {} : { startGateway })
  })
  const { id, fleet, listening, addresses } = coordinator
  const status = await coordinator.status()
  if (options.json) {
    print(
      JSON.stringify({
        ready: true,
        address: addresses[0],
        addresses,
        listening,
        coordinator: id,
        fleet,
        site: config.site,
        gateway: status.gateway,
        // Not the code itself: this line ends up in journals.
        firstAdminFile: coordinator.firstAdmin === null ? null : join(config.dataFolder, firstAdminFileName),
        data: config.dataFolder,
        pid: process.pid
      })
    )
  } else {
    print(`The coordinator of fleet ${fleet} listens on ${addresses.join(', ')}`)
    print(
      config.pageCertificate === null
        ? `Open it in a browser. It warns of a certificate of our own making, with the SHA-256 fingerprint ${coordinator.pageFingerprint} (--tls-cert takes yours).`
        : 'Open it in a browser.'
    )
    if (coordinator.firstAdmin !== null) {
      const { code, expiresAt } = coordinator.firstAdmin
      print(
        `The code for the first admin is ${code} (once, until ${when(expiresAt)}; also in ${join(config.dataFolder, firstAdminFileName)}).`
      )
    }
    if (config.gateway) print(`Its gateway serves the site "${config.site}".`)
    print(
      'Next: "starling-coordinator ticket create" prints a ticket; on each machine: "starling join TICKET". Ctrl-C stops.'
    )
  }
  log.info({ why: await told }, 'stopping')
  if (options.stopOnStdinEnd) process.stdin.destroy()
  await coordinator.stop()
}
