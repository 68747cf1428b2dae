/** What starling-service.ini says: whose host it is. ASCII; settings.h has what each line means. */
import type { Program } from '../bundle.ts'

/** Keys that an agent's policy comes from, who wins first (agent/src/policy-sources). */
const policies = [
  'SOFTWARE\\Policies\\Starling',
  'SOFTWARE\\Policies\\Microsoft\\Windows\\DeliveryOptimization',
  'SOFTWARE\\Microsoft\\PolicyManager\\current\\device\\DeliveryOptimization'
].join('|')

const said: Record<Program, Readonly<Record<string, string>>> = {
  agent: {
    name: 'Starling',
    display: 'Starling Agent',
    data: '%ProgramData%\\Starling',
    'data-variable': 'STARLING_DATA',
    key: 'SOFTWARE\\Starling',
    policies,
    honour: 'honourDeliveryOptimizationPolicies',
    'cache-policy': 'DOModifyCacheDrive',
    'cache-variable': 'STARLING_POLICY_DO_MODIFY_CACHE_DRIVE',
    firewall: 'local-subnet',
    // What makes the cache (agent/src/store/layout.ts), and the way back for Windows' settings that could not be put back.
    keep: 'content|index|facts.log|small|client-settings.json',
    // What an admin puts there beforehand, or brings back from a copy.
    known: [
      'config.json|ticket|fleet.secret|intercept-ca.json|client-settings.json',
      'identity.key|membership.cbor|revocations.cbor|policy.cbor|reported.cbor|handout.cbor',
      'content|index|facts.log|small|logs|compile-cache|agent.json|page.token|*.new'
    ].join('|')
  },
  coordinator: {
    name: 'StarlingCoordinator',
    display: 'Starling Coordinator',
    data: '%ProgramData%\\Starling Coordinator',
    'data-variable': 'STARLING_COORDINATOR_DATA',
    key: 'SOFTWARE\\Starling Coordinator',
    policies,
    // Agents of all sites reach it.
    firewall: 'any',
    // The fleet's keys are in it: who removes the program may want them on the next server.
    keep: '*',
    known: [
      'config.json|fleet.key|coordinator.key|master.key|master.key.dpapi|page.crt|page.key',
      'coordinator.db|coordinator.db-wal|coordinator.db-shm|coordinator.db-journal|gateway',
      'first-admin.code|admin.token|running.json|logs|compile-cache|*.new'
    ].join('|')
  }
}

/** What stays when the rest goes. */
export const keptBy = (program: Program): string => said[program]['keep']!

export function serviceIni(program: Program, more: Readonly<Record<string, string>> = {}): string {
  const lines = {
    ...said[program],
    script: 'app\\main.mjs',
    // With --json the coordinator's first code for an admin stays in its file and out of the log.
    arguments: 'run --stop-on-stdin-end --json',
    'stop-seconds': '25',
    ...more
  }
  return ['[service]', ...Object.entries(lines).map(([name, value]) => `${name}=${value}`), ''].join('\r\n')
}
