/**
 * The embedded gateway: an agent in the coordinator's process, with a folder of its own below the coordinator's. It is
 * set up like any agent (`<data>/gateway/config.json`, STARLING_... in the environment), checked like any, and takes a changed
 * file over while it runs; only that it is a gateway, and of which fleet, is said here.
 */
import { createAgentFrom } from '@starling/agent'
import type { GatewayOptions, RunningGateway } from './coordinator.ts'

/** @throws StarlingError as createAgentFrom does. */
export async function startGateway({
  dataFolder,
  ticket,
  site,
  tracesEndpoint,
  log
}: GatewayOptions): Promise<RunningGateway> {
  // It belongs to its coordinator's fleet, whatever secret the environment of the machine holds for others.
  const { STARLING_FLEET_SECRET: _secret, STARLING_FLEET_SECRET_FILE: _file, ...env } = process.env
  const agent = await createAgentFrom(
    {
      dataFolder,
      env,
      commandLine: new Map([
        ['role', 'gateway'],
        ['ticket', ticket],
        ['site', site],
        ...(tracesEndpoint === null ? [] : [['otlp.endpoint', tracesEndpoint] as const]),
        // One process, one log: how much is in it is said to the coordinator.
        ['logLevel', log.level]
      ])
    },
    { log: log.child({ part: 'gateway' }) }
  )
  return {
    stop: () => agent.stop(),
    describe: () => ({ id: agent.id, site: agent.site, proxy: agent.proxyAddress, page: agent.pageAddress })
  }
}
