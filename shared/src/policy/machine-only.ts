/**
 * What only this machine's admin may say, in its registry: no document has these names, and no coordinator can send them. Beside one switch of the
 * registry itself they are settings of the agent (`machineKeys`), so that an agent that was installed without any is told by Group
 * Policy alone whom it belongs to and how it gets out.
 */
import { z } from 'zod'
import { parseHttpUrl } from '../content-classes/url.ts'
import { coordinatorAddressShape } from '../ticket.ts'
import { isHostPattern } from './access.ts'
import { anyPort, defaultPorts } from './config-fields.ts'
import { countField, factsOf, listField, secret, switchField, textField, type FieldFacts } from './fields.ts'

export const machineShape = {
  honourDeliveryOptimizationPolicies: switchField(false, {
    what: "Whether what Delivery Optimization is told by Group Policy and by MDM counts for this agent, too, behind what stands under Starling's own key",
    why: 'A fleet that leaves Delivery Optimization to Windows must not change what agents do by setting it'
  }),
  ticket: secret(
    textField<string | null>(
      z.string().min(1).max(8192).nullable(),
      { word: 'ticket', form: 'the text that `ticket create` printed' },
      null,
      {
        what: 'Ticket to join a fleet with, used once, at the first start',
        why: 'There is no default fleet; `starling join TICKET` does the same by hand'
      }
    )
  ),
  coordinatorAddresses: listField(
    coordinatorAddressShape,
    { word: 'address', form: 'addresses like https://coordinator.example:17833' },
    {
      what: 'Where the coordinator is asked first, before the addresses in the ticket and those that it tells of itself. Whoever answers there must prove to be that coordinator',
      why: 'None: the ticket has them, and a coordinator that moves tells its agents. This is for a name that changed, or a relay of your own'
    }
  ),
  upstreamProxies: listField(
    z.string().refine(isRoot),
    { word: 'url', form: 'URLs like http://proxy.example:3128' },
    {
      what: 'HTTP proxies between this agent and the origins, tried in order',
      why: 'None: straight to the origin'
    }
  ),
  upstreamDirectFallback: switchField(true, {
    what: 'Go to the origin directly when none of the proxies answers',
    why: 'A proxy that is down must not stop updates; where a direct way is forbidden it fails by itself'
  }),
  upstreamAllowPrivate: listField(
    z.string().regex(/^[A-Za-z0-9._:[\]*/-]{1,253}$/),
    { word: 'network', form: 'hosts, addresses or networks like 10.1.0.0/16' },
    {
      what: 'Private addresses that may be asked upstream',
      why: 'None: a URL that leads inside the network is how a proxy gets abused (SSRF)'
    }
  ),
  proxyPort: countField(defaultPorts.proxy, anyPort, {
    what: 'TCP port of the HTTP proxy; 0 lets the system choose',
    why: 'A fixed port, so that clients can be configured once'
  }),
  proxyWsus: textField<string | null>(
    z.string().refine(isServerUrl).nullable(),
    { word: 'url', form: 'the address of a WSUS like http://wsus.corp.example:8530' },
    null,
    {
      what: 'The WSUS for which this proxy is the alternate download server (UpdateServiceUrlAlternate)',
      why: 'Most sites have none'
    }
  ),
  proxyPacHosts: listField(
    z.string().refine(isHostPattern),
    { word: 'host', form: 'hosts like *.windowsupdate.com, with :port where only one is meant' },
    {
      what: 'Hosts that /proxy.pac sends through this proxy; none: all plain http',
      why: 'What is not worth sharing passes through anyway'
    }
  ),
  cacheHostEnabled: switchField(false, {
    what: 'Listen also as a cache host of Delivery Optimization (DOCacheHost)',
    why: 'Port 80 may be taken, and Windows asks it only when its policy says so'
  }),
  listenPort: countField(defaultPorts.listen, anyPort, {
    what: 'TCP port for other agents; 0 lets the system choose',
    why: 'A fixed port, so that one firewall rule is enough'
  }),
  bulkPort: countField(defaultPorts.bulk, anyPort, {
    what: 'TCP port on which other agents fetch chunks; 0 lets the system choose',
    why: 'A fixed port, so that one firewall rule is enough'
  }),
  mdns: switchField(true, {
    what: 'Find agents of the LAN by multicast DNS',
    why: 'Works with no set-up at all, and tells nobody more than that an agent is here'
  })
}
export type MachineName = keyof typeof machineShape

/** Which setting of the agent each of them is; the one that is left out is about the registry itself. */
export const machineKeys: Readonly<
  Record<Exclude<MachineName, 'honourDeliveryOptimizationPolicies'>, string>
> = {
  ticket: 'ticket',
  coordinatorAddresses: 'coordinatorAddresses',
  upstreamProxies: 'upstream.proxies',
  upstreamDirectFallback: 'upstream.directFallback',
  upstreamAllowPrivate: 'upstream.allowPrivate',
  proxyPort: 'proxy.port',
  proxyWsus: 'proxy.wsus',
  proxyPacHosts: 'proxy.pacHosts',
  cacheHostEnabled: 'cacheHost.enabled',
  listenPort: 'listen.port',
  bulkPort: 'bulk.port',
  mdns: 'mdns'
}

export interface MachineField extends FieldFacts {
  readonly name: MachineName
  readonly schema: z.ZodType
  /** A key of config.json; null: about the registry itself. */
  readonly configKey: string | null
}

export const machineFields: readonly MachineField[] = Object.entries(machineShape).map(([name, schema]) => ({
  ...factsOf(schema)!,
  name: name as MachineName,
  schema,
  configKey: (machineKeys as Readonly<Record<string, string>>)[name] ?? null
}))

const byName: ReadonlyMap<string, MachineField> = new Map(machineFields.map(field => [field.name, field]))

/** @returns undefined for what is no name of these */
export function machineField(name: string): MachineField | undefined {
  return byName.get(name)
}

function isServerUrl(text: string): boolean {
  return /^http:/i.test(text) && isRoot(text) && parsed(text)?.hasCredentials === false
}

/** An http address without path, query and fragment. */
function isRoot(text: string): boolean {
  const url = parsed(text)
  return url !== null && url.path === '/' && url.query === '' && !/[?#]/.test(text)
}

function parsed(text: string): ReturnType<typeof parseHttpUrl> | null {
  try {
    return parseHttpUrl(text)
  } catch {
    return null
  }
}
