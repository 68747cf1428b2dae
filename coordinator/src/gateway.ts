/**
 * The embedded gateway: an agent in the coordinator's process, with a folder of its own below the coordinator's. It is
 * set up like any agent (`<data>/gateway/config.json`, STARLING_... in the environment); only that it is a gateway, and of
 * which fleet, is said here.
 */
import { createAgent, loadAgentConfig } from '@starling/agent'
import type { GatewayOptions, RunningGateway } from './coordinator.ts'

/** @throws StarlingError as createAgent and loadConfig do. */
export async function startGateway({
  dataFolder,
  ticket,
  site,
  log
}: GatewayOptions): Promise<RunningGateway> {
  const config = await loadAgentConfig({
    dataFolder,
    env: process.env,
    commandLine: new Map([
      ['role', 'gateway'],
      ['ticket', ticket],
      ['site', site]
    ])
  })
  // It belongs to its coordinator's fleet, whatever secret the environment of the machine holds for others.
  const agent = await createAgent({ ...config, fleetSecret: null }, { log: log.child({ part: 'gateway' }) })
  return {
    stop: () => agent.stop(),
    describe: () => ({ id: agent.id, site: agent.site, proxy: agent.proxyAddress, page: agent.pageAddress })
  }
}
