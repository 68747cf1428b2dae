/**
 * Settings of the agent's own configuration that a coordinator's policy may say as well: one schema for both, under the name
 * in policy and under the key in config.json. Whoever reads a policy document for an agent puts these into its configuration.
 */
import { z } from 'zod'
import { contentClassesSchema } from '../content-classes/class-schema.ts'
import type { ContentClass } from '../content-classes/content-class.ts'
import { isSiteId } from '../ids.ts'
import { GiB, MiB } from '../units.ts'
import { accessLogShape, isHostPattern, isNetwork, limitsShape, rulesField } from './access.ts'
import { bytesField, countField, listField, objectsField, switchField, textField } from './fields.ts'
import { isNeverIntercepted } from './never-intercepted.ts'
import { networkFrom } from './networks.ts'
import { publicSuffixIn, suffixProblem } from './public-suffix.ts'
import {
  upstreamRulesSchema,
  upstreamServersSchema,
  type UpstreamRule,
  type UpstreamServer
} from './upstreams.ts'

/**
 * 17830 to 17834 (17833 is the coordinator's, who may be on the same machine) lie in a block that the IANA port registry has as unassigned (17778-17999), below the ephemeral ranges of
 * Windows (49152 up) and Linux (32768 up), so that no outgoing connection sits on them when the agent starts.
 */
export const defaultPorts = { listen: 17830, proxy: 17831, page: 17832, bulk: 17834 } as const

export const anyPort = { min: 0, max: 65_535 }

const ip = (text: string) => (text.includes('/') ? null : networkFrom(text))
const isLoopback = (host: string) =>
  host === '::1' || host === 'localhost' || (ip(host)?.family === 4 && host.startsWith('127.'))

export const configShape = {
  site: textField(
    z.string().refine(isSiteId),
    { word: 'name', form: '1 to 64 letters, digits, dots, dashes or underscores' },
    'default',
    {
      what: "Name of the site: the agents behind one way out. A membership's site counts before this one",
      why: 'A single office needs no name'
    }
  ),
  membersMaySign: switchField(true, {
    what: 'Take the word of ordinary members of the site for what they fetched while no gateway is at work',
    why: 'Without it a site whose gateway is away fetches a copy for each agent; with it a hostile member could pass off content whose name promises no digest',
    stricter: 'off'
  }),
  upstreamServers: objectsField<UpstreamServer>(
    upstreamServersSchema,
    {
      word: 'json',
      form: 'a list of objects, like [{ "name": "gw-1", "kind": "gateway", "url": "http://gw-1.example:17831" }]'
    },
    {
      what: 'Gateways, proxies and the direct way, with their health and weights, in place of proxies (docs/DEPLOY.md)',
      why: 'None: straight to the origin'
    }
  ),
  upstreamRules: objectsField<UpstreamRule>(
    upstreamRulesSchema,
    {
      word: 'json',
      form: 'a list of objects, like [{ "hosts": ["*.corp.example"], "use": ["direct"] }]'
    },
    {
      what: 'Which of upstream.servers are asked for which hosts and content classes; the first that matches decides',
      why: 'None: gateways first, then proxies, then the direct way'
    }
  ),
  contentClasses: objectsField<ContentClass>(
    contentClassesSchema,
    {
      word: 'json',
      form: 'a list of objects, like [{ "id": "model-hub", "hosts": ["*.models.example"], "paths": ["/blobs/{sha256}"] }]'
    },
    {
      what: 'Content classes of your own: which URLs are the same content, and how it may be shared (docs/CLASSES.md)',
      why: 'What Windows and the usual package managers download is known already'
    }
  ),
  proxyRules: rulesField,
  proxyClients: listField(
    z.string().refine(isNetwork),
    { word: 'network', form: 'addresses or networks like 10.1.0.0/16' },
    {
      what: 'Networks whose machines may use the proxy and the cache host, beside this machine',
      why: 'None: only a gateway serves machines without an agent, and its admin knows which',
      stricter: 'fewer'
    }
  ),
  proxyLimitsLocal: limitsShape.shape.local,
  proxyLimitsRequestsPerSecond: limitsShape.shape.requestsPerSecond,
  proxyLimitsRequestBurst: limitsShape.shape.requestBurst,
  proxyLimitsRequestsAtOnce: limitsShape.shape.requestsAtOnce,
  proxyLimitsConnections: limitsShape.shape.connections,
  proxyLimitsBytesPerDay: limitsShape.shape.bytesPerDay,
  proxyLimitsUploadBytes: limitsShape.shape.uploadBytes,
  proxyLimitsHeaderBytes: limitsShape.shape.headerBytes,
  interceptEnabled: switchField(false, {
    what: 'Open TLS connections to the hosts of intercept.hosts, so that what comes over https is shared too',
    why: 'It breaks a promise that programs rely on; its admin says for which hosts, and deploys the CA of `starling ca init`',
    stricter: 'off'
  }),
  interceptHosts: listField(
    z
      .string()
      .refine(isInterceptable)
      .superRefine((text, context) => {
        const suffix = text.includes('.') ? publicSuffixIn(text) : null
        if (suffix !== null) context.addIssue({ code: 'custom', message: suffixProblem(suffix) })
      }),
    {
      word: 'host',
      form:
        'hosts like downloads.example or *.vendor.example (with :port where it is not 443), but no public suffix (com, co.uk, github.io) ' +
        'and none that is never intercepted whatever is listed (docs/DEPLOY.md names them)'
    },
    {
      what: 'Hosts whose TLS connections may be opened; what is below them and never intercepted stays closed',
      why: 'None: each one is a decision',
      stricter: 'fewer'
    }
  ),
  cacheQuotaBytes: bytesField(
    20 * GiB,
    { min: 16 * MiB, max: 1024 * 1024 * GiB },
    {
      what: 'The most that the cache may use',
      why: 'A feature update is 4 to 6 GiB; this keeps it along with some months of cumulative updates',
      stricter: 'lower'
    }
  ),
  cacheSmallQuotaBytes: bytesField(
    256 * MiB,
    { min: 0, max: 64 * GiB },
    {
      what: 'The most that small responses (RFC 9111) may use on disk, beside the quota; 0: they are kept in memory only',
      why: 'Thousands of catalogues, manifests and hash files, which are some KiB each',
      stricter: 'lower'
    }
  ),
  cacheFloorBytes: bytesField(
    2 * GiB,
    { min: 0, max: 1024 * GiB },
    {
      what: 'What must stay free on the volume, whatever the quota says',
      why: 'A system whose volume is full breaks; a cache that is small is only slower',
      stricter: 'higher'
    }
  ),
  pageHost: textField(
    z.string().refine(isLoopback),
    { word: 'address', form: 'a loopback address: 127.0.0.1 or ::1' },
    '127.0.0.1',
    {
      what: 'Address of the local page and API',
      why: "It tells what this machine fetches, and that is nobody else's business"
    }
  ),
  pagePort: countField(defaultPorts.page, anyPort, {
    what: 'TCP port of the local page and API; 0 lets the system choose',
    why: 'A fixed port, so that the page can be bookmarked'
  }),
  accessLogEnabled: accessLogShape.shape.enabled,
  accessLogAudit: accessLogShape.shape.audit,
  accessLogFileBytes: accessLogShape.shape.fileBytes,
  accessLogFiles: accessLogShape.shape.files
}

/** Where each of them is in config.json. */
export const configKeys: Readonly<Record<keyof typeof configShape, string>> = {
  site: 'site',
  membersMaySign: 'membersMaySign',
  upstreamServers: 'upstream.servers',
  upstreamRules: 'upstream.rules',
  contentClasses: 'contentClasses',
  proxyRules: 'proxy.rules',
  proxyClients: 'proxy.clients',
  proxyLimitsLocal: 'proxy.limits.local',
  proxyLimitsRequestsPerSecond: 'proxy.limits.requestsPerSecond',
  proxyLimitsRequestBurst: 'proxy.limits.requestBurst',
  proxyLimitsRequestsAtOnce: 'proxy.limits.requestsAtOnce',
  proxyLimitsConnections: 'proxy.limits.connections',
  proxyLimitsBytesPerDay: 'proxy.limits.bytesPerDay',
  proxyLimitsUploadBytes: 'proxy.limits.uploadBytes',
  proxyLimitsHeaderBytes: 'proxy.limits.headerBytes',
  interceptEnabled: 'intercept.enabled',
  interceptHosts: 'intercept.hosts',
  cacheQuotaBytes: 'cache.quotaBytes',
  cacheSmallQuotaBytes: 'cache.smallQuotaBytes',
  cacheFloorBytes: 'cache.floorBytes',
  pageHost: 'page.host',
  pagePort: 'page.port',
  accessLogEnabled: 'accessLog.enabled',
  accessLogAudit: 'accessLog.audit',
  accessLogFileBytes: 'accessLog.fileBytes',
  accessLogFiles: 'accessLog.files'
}

/** A name constraint of a CA means a domain with all below it, so that `*.com` and `com` would be a CA for half of the world. */
function isInterceptable(text: string): boolean {
  const name = text.replace(/^\*\./, '').replace(/:\d{1,5}$/, '')
  const isBroad = !name.includes('.') && name.toLowerCase() !== 'localhost'
  return isHostPattern(text) && !isBroad && ip(name) === null && !isNeverIntercepted(name)
}
