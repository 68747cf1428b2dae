#!/usr/bin/env node
/**
 * The command line `starling` and the entry of the service. It wires the commands to the parts of the agent, each loaded when
 * it is first wanted: `starling status` should not wait for LevelDB and libp2p.
 */
import './threads.ts'
import { rm } from 'node:fs/promises'
import { hostname, networkInterfaces, totalmem } from 'node:os'
import type { Joined, Services } from './cli/services.ts'
import { runCommandLine } from './cli/program.ts'
import { createTerminal } from './cli/terminal.ts'
import { readCheckedConfig } from './config-checked.ts'
import { createFleetSecret, parseFleetSecret } from './identity/secret.ts'
import { createSecretFile, readSecretFile, writeSecretFile } from './identity/secret-file.ts'
import { createLog } from './log.ts'
import { firmwareUuid } from './host/firmware-uuid.ts'
import { begun, systemReader } from './host/systems.ts'
import { openBrowser } from './open-browser.ts'
import { ownVersion } from './own-version.ts'
import { createMachinePolicy, userKey } from './policy-sources/machine-policy.ts'
import { createRegistryReader, createUserKeysReader, type Registry } from './registry.ts'
import { serviceHost, windowsRegistry } from './registry-host.ts'
import { runProgram } from './run-program.ts'
import { filesIn } from './config.ts'
import { resolvedRefusal, upstreamRefusal } from './upstream/address-check.ts'

/** What a command other than `run` has to say comes through its errors. */
const log = createLog('error', 'cli')

const secrets = { readFile: readSecretFile, parse: parseFleetSecret }

const argv = process.argv.slice(2)
const isWindows = process.platform === 'win32'

/** On other systems there is no registry, and no policy in it; tests have a program that looks like one. */
const registryOfTest = isWindows ? null : (process.env['STARLING_DEV_REG'] ?? null)

function registryOfThisMachine(): Registry {
  if (isWindows) return windowsRegistry(runProgram, process.env)
  return registryOfTest === null
    ? { read: async () => null, userKeys: async () => [] }
    : {
        read: createRegistryReader(runProgram, registryOfTest),
        userKeys: createUserKeysReader(runProgram, registryOfTest)
      }
}

/** The service host has started us, with a channel to tell through. */
const isTold = isWindows && serviceHost(process.env) !== null && argv.includes('--stop-on-stdin-end')
const registry = registryOfThisMachine()
const machinePolicy = createMachinePolicy(registry.read, {
  isThisMachine,
  isTold,
  users: () => registry.userKeys(userKey)
})

function isThisMachine(host: string): boolean {
  const own = Object.values(networkInterfaces()).flatMap(links => links?.map(({ address }) => address) ?? [])
  const names = ['localhost', hostname().toLowerCase(), hostname().toLowerCase().split('.')[0], ...own]
  return (
    host.startsWith('127.') ||
    names.includes(host.toLowerCase()) ||
    names.includes(host.toLowerCase().split('.')[0])
  )
}

const ofThisMachine = systemReader(runProgram, process.env)
const system = argv[0] === 'run' ? begun(ofThisMachine) : ofThisMachine
// Begun at once as well; whoever wants it is given this reading.
if (isTold) void machinePolicy.read()

const services: Services = {
  createAgent: async (config, tools) =>
    (await import('./agent.ts')).createAgent(config, { ...tools, system }),
  join,
  openStore: async ({ dataFolder: folder, cache }) =>
    (await import('./store/store.ts')).createStore({ log }, { folder, ...cache }),
  rebuildStore: async ({ dataFolder: folder }) =>
    (await import('./store/store.ts')).rebuild({ log }, { folder }),
  openCa: async (dataFolder, hosts) =>
    (await import('./intercept/ca-commands.ts')).createCaCommands(
      { read: readSecretFile, write: writeSecretFile },
      filesIn(dataFolder).interceptCa,
      hosts
    ),
  clientSettings: async dataFolder =>
    (await import('./client-settings/this-machine.ts')).clientSettingsOf(dataFolder, {
      read: readSecretFile,
      write: writeSecretFile,
      create: createSecretFile,
      remove: path => rm(path, { force: true })
    }),
  readConfig: sources =>
    readCheckedConfig({ ...sources, machine: () => machinePolicy.read() }, secrets, upstreamRefusal),
  keptPolicy: async dataFolder =>
    (await import('./coordinator-link/policy.ts')).keptPolicyValues(dataFolder, readSecretFile),
  watchMachinePolicy: changed => machinePolicy.watch(changed),
  lookAtMachinePolicy: () => machinePolicy.look(),
  resolvedRefusal,
  openBrowser,
  secrets: {
    ...secrets,
    create: createFleetSecret,
    createFile: createSecretFile
  }
}

/** A link that speaks once: no peers, nothing to report, but the same checks as in a running agent. */
async function join(dataFolder: string, ticket: string): Promise<Joined> {
  const [
    { loadOrCreateIdentity },
    { createTrust },
    { createTlsIdentity },
    { dialAgent },
    signatures,
    { createCoordinatorLink }
  ] = await Promise.all([
    import('./identity/keys.ts'),
    import('./identity/trust.ts'),
    import('./identity/certificate.ts'),
    import('./identity/tls.ts'),
    import('./identity/signatures.ts'),
    import('./coordinator-link/link.ts')
  ])
  const identity = await loadOrCreateIdentity(dataFolder)
  const tls = await createTlsIdentity(identity)
  const link = createCoordinatorLink(
    {
      identity: {
        agentId: identity.agentId,
        readFile: readSecretFile,
        writeFile: writeSecretFile,
        verifyCredential: signatures.verifyCredential,
        verifyRevocationList: signatures.verifyRevocationList,
        dial: ({ host, port, expected }) => dialAgent({ host, port, expected, tls })
      },
      trust: createTrust({ self: identity.agentId, clock: Date.now, fleetSecret: null }),
      peers: { hint() {}, forbid() {}, hangUp() {}, list: () => [], addresses: () => [] },
      machine: async fleet =>
        (await import('./coordinator-link/machine-name.ts')).machineName(fleet, firmwareUuid),
      report: () => ({
        counters: {},
        host: { platform: process.platform, memoryBytes: totalmem() },
        swarm: [],
        problems: []
      }),
      log
    },
    { dataFolder, ticket: null, version: await ownVersion() }
  )
  try {
    return { id: identity.agentId, ...(await link.join(ticket)) }
  } finally {
    await link.stop()
  }
}

const interrupted = new AbortController()
// `run` handles its signals itself; everything else stops what it is doing, and at the second time at once.
if (argv[0] !== 'run') {
  process.on('SIGINT', () => {
    if (interrupted.signal.aborted) process.exit(1)
    interrupted.abort()
  })
}
process.exitCode = await runCommandLine(argv, {
  services,
  terminal: createTerminal(),
  signal: interrupted.signal
})
