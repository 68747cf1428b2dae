/**
 * Every policy of Delivery Optimization under its own name, unit, range and meaning, so that an estate's values can be taken over
 * as they are (learn.microsoft.com, "Delivery Optimization reference" and "Policy CSP: DeliveryOptimization"; both as of 2024). Where these two
 * contradict each other, or where what is right for strangers on the Internet is not right for a fleet, `why` says what was chosen.
 *
 * KB, MB and GB are binary here, as everywhere in Windows. What an agent does because of them is in effective.ts.
 */
import { z } from 'zod'
import { amountField, codeField, flagField, listField, textField } from './fields.ts'
import { networkFrom } from './networks.ts'
import { timeWindowShape } from './time-windows.ts'

/** A DWORD. */
const dwordMax = 4_294_967_295
const kilobytes = { min: 0, max: dwordMax, unit: 'KB/s' }
const percent = { min: 0, max: 100, unit: '%' }
const gigabytes = { min: 1, max: 100_000, unit: 'GB' }
const seconds = { min: 0, max: dwordMax, unit: 's' }
/** 30 days. */
const fallbackSeconds = { min: 0, max: 2_592_000, unit: 's' }
const guid = z.string().regex(/^\{?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\}?$/i)
const host = z.string().refine(isCacheHost)

/** A name or an address, without a port: so Windows has it. */
export function isCacheHost(text: string): boolean {
  return /^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/i.test(text) || (!text.includes('/') && networkFrom(text) !== null)
}

export const doShape = {
  DODownloadMode: codeField(
    1,
    {
      0: 'HTTP only',
      1: 'LAN',
      2: 'Group',
      3: 'Internet',
      99: 'Simple',
      100: 'Bypass'
    },
    {
      what: "Whom this agent shares with: 0 nobody, 1 the agents of its site, 2 those of its group at any site, 3 like 1, 99 nobody and without the coordinator's help, 100 nobody, and nothing is kept",
      why: 'What Microsoft has. 3 is taken like 1, because a fleet has no strangers on the Internet to share with; 0 and 99 still use gateways and cache hosts'
    }
  ),
  DOGroupId: textField<string | null>(guid.nullable(), { word: 'guid', form: 'a GUID' }, null, {
    what: 'The group that agents with DODownloadMode 2 share in',
    why: 'Not set: DOGroupIdSource says where the group comes from. It names a group and proves nothing; who belongs to the fleet is proven by credentials'
  }),
  DOGroupIdSource: codeField(
    0,
    { 0: 'not set', 1: 'AD site', 2: 'domain SID', 3: 'DHCP option 234', 4: 'DNS suffix', 5: 'Entra tenant' },
    {
      what: 'Where the group comes from with DODownloadMode 2 when DOGroupId is not set',
      why: 'Not set: the AD site, else the domain, else the tenant. That DOGroupId wins is what the pages of 2023 and later say; one of 2022 has it the other way round'
    }
  ),
  DORestrictPeerSelectionBy: codeField(
    0,
    { 0: 'none', 1: 'subnet', 2: 'local discovery' },
    {
      what: 'Whom of its site or group this agent shares with: 0 all, 1 those in its own subnets, 2 those whom it hears by multicast',
      why: 'Windows 10 has 0 and Windows 11 has 1: a site is defined here and not guessed from a public address, so all of it is near, over several subnets too',
      stricter: 'higher'
    }
  ),
  DOMinRAMAllowedToPeer: amountField(4, gigabytes, {
    what: 'Memory that a machine must have to share with others, inclusive',
    why: "Microsoft's. What firmware and graphics take of it is not held against the machine: 3.8 GiB are 4 GB",
    stricter: 'higher'
  }),
  DOMinDiskSizeAllowedToPeer: amountField(32, gigabytes, {
    what: 'Size that the volume with the cache must have to share with others, inclusive',
    why: "Microsoft's. Disks are sold in decimal GB, so here 1 GB is 1,000,000,000 bytes",
    stricter: 'higher'
  }),
  DOMinFileSizeToCache: amountField(
    1,
    { min: 1, max: 100_000, unit: 'MB' },
    {
      what: 'Content that is smaller is not shared',
      why: "Microsoft's pages say 50 and 100, and advise 1 for more than 100 devices. A chunk is 1 MiB: from there on sharing costs less than the WAN",
      stricter: 'higher'
    }
  ),
  DOMaxCacheSize: amountField(
    null,
    { min: 1, max: 100, unit: '%' },
    {
      what: 'The most that the cache may use, as a share of its volume',
      why: 'Not set: cacheQuotaBytes holds (Microsoft has 20 %); set, it counts in place of it. The share is of the volume and not of what happens to be free, else a full cache would shrink itself',
      stricter: 'lower'
    }
  ),
  DOAbsoluteMaxCacheSize: amountField(
    null,
    { min: 0, max: dwordMax, unit: 'GB' },
    {
      what: 'The most that the cache may use, in place of DOMaxCacheSize and cacheQuotaBytes; 0: all but what must stay free',
      why: "Microsoft's page of 2024 has no default, the one of 2022 has 10 GB. Not set: DOMaxCacheSize holds, or cacheQuotaBytes",
      stricter: 'lower-not-0'
    }
  ),
  DOMaxCacheAge: amountField(0, seconds, {
    what: 'How long content is kept after it is complete; 0: as long as there is room',
    why: "Microsoft's pages say 3 and 7 days. What is not used goes first anyway, and a laptop back from holiday still finds it",
    stricter: 'lower-not-0'
  }),
  DOModifyCacheDrive: textField<string | null>(
    z.string().min(1).max(1024).nullable(),
    { word: 'place', form: 'a drive letter like D:, a folder, or a variable like %SystemDrive%' },
    null,
    {
      what: 'The drive or folder in which the cache lies',
      why: 'Not set: in the data folder, which the system protects'
    }
  ),
  DOMinBackgroundQos: amountField(
    null,
    { min: 1, max: dwordMax, unit: 'KB/s' },
    {
      what: 'A download in the background that gets less from peers takes the rest over the WAN',
      why: "Microsoft's pages say 500, 2500 and 20480. Not set: agents of a site know what each of them fetches, and a second copy over the WAN would only be faster for one of them",
      stricter: 'lower'
    }
  ),
  DOMonthlyUploadDataCap: amountField(
    20,
    { min: 0, max: dwordMax, unit: 'GB' },
    {
      what: 'The most that this agent gives to agents of other sites in a calendar month; 0: nothing',
      why: "Microsoft's pages say 20 and 5120: the smaller one, because other sites lie behind lines that somebody pays for. Its own site is not counted",
      stricter: 'lower'
    }
  ),
  DOAllowVPNPeerCaching: flagField(0, {
    what: 'Share also while connected by VPN',
    why: "Microsoft's: peers behind a VPN are no nearer than the origin. With DORestrictPeerSelectionBy 2 it shares all the same, with those on its own link",
    stricter: 'off'
  }),
  DOVpnKeywords: listField(
    z.string().min(1).max(64),
    { word: 'word', form: 'words' },
    {
      what: 'An adapter whose description or name holds one of these is a VPN, beside those that the system says are one',
      why: "Microsoft's three"
    },
    ['VPN', 'Secure', 'Virtual Private Network']
  ),
  DODisallowCacheServerDownloadsOnVPN: flagField(0, {
    what: 'Leave cache hosts alone while connected by VPN',
    why: "Microsoft's: a cache host inside the company may be the nearest source even then",
    stricter: 'on'
  }),
  DOMinBatteryPercentageAllowedToUpload: amountField(0, percent, {
    what: 'On battery, this agent gives to others while the battery is at least so full; 0: not on battery. It downloads in any case',
    why: "Microsoft's: nobody's day gets shorter for the sake of others. Its pages advise 40 and 60 where laptops are all there is"
  }),
  DOPercentageMaxForegroundBandwidth: amountField(0, percent, {
    what: 'The share of the WAN line that downloads somebody waits for may take; 0: no limit',
    why: 'Who waits is served as fast as the line allows. The share is of wanLineBytesPerSecond, else of what was measured; peers are never meant',
    stricter: 'lower-not-0'
  }),
  DOPercentageMaxBackgroundBandwidth: amountField(0, percent, {
    what: 'The share of the WAN line that downloads in the background may take; 0: no limit',
    why: 'They yield to other traffic by themselves (maxBackgroundQueueDelayMs), so an idle line may be used',
    stricter: 'lower-not-0'
  }),
  DOMaxForegroundDownloadBandwidth: amountField(0, kilobytes, {
    what: 'The most that this agent takes over the WAN for downloads that somebody waits for; 0: no limit',
    why: 'Who waits is served as fast as the line allows. With a percentage as well, the smaller one holds',
    stricter: 'lower-not-0'
  }),
  DOMaxBackgroundDownloadBandwidth: amountField(0, kilobytes, {
    what: 'The most that this agent takes over the WAN for downloads in the background; 0: no limit',
    why: 'They yield to other traffic by themselves (maxBackgroundQueueDelayMs), so an idle line may be used',
    stricter: 'lower-not-0'
  }),
  ...timeWindowShape,
  DODelayForegroundDownloadFromHttp: amountField(2, seconds, {
    what: 'How long a waiting client may see no progress from peers before its chunk is fetched over HTTP out of turn',
    why: 'Microsoft has none, and advises 30 and 60. Well over what a takeover on the LAN needs (hundreds of ms), well under what people take for a hang; what nobody of the site has or fetches is fetched at once'
  }),
  DODelayBackgroundDownloadFromHttp: amountField(10, seconds, {
    what: 'The same for a download in the background, for which nobody waits',
    why: "Microsoft has none, and advises 60 and 3600. Windows turns away from a cache host that sends nothing for 20 s; half of that leaves room for the origin's answer"
  }),
  DODelayCacheServerFallbackForeground: amountField(null, fallbackSeconds, {
    what: 'How long cache hosts are tried before a download that somebody waits for goes to the origin; the delay for peers comes first',
    why: "Microsoft's: not set, the first failure of a cache host is enough"
  }),
  DODelayCacheServerFallbackBackground: amountField(null, fallbackSeconds, {
    what: 'How long cache hosts are tried before a download in the background goes to the origin; the delay for peers comes first',
    why: "Microsoft's: not set, the first failure of a cache host is enough"
  }),
  DOCacheHost: listField(
    host,
    { word: 'host', form: 'names or addresses' },
    {
      what: 'Cache hosts (Connected Cache, gateways) that are asked before the origin, in this order, one at a time',
      why: 'None: the agents of a site are its cache'
    }
  ),
  DOCacheHostSource: codeField(
    null,
    { 0: 'no DNS-SD', 1: 'DHCP option 235', 2: 'DHCP option 235, forced' },
    {
      what: 'Where cache hosts come from: 0 DOCacheHost, 1 DOCacheHost or where that is empty DHCP option 235, 2 DHCP option 235, and DOCacheHost only when that makes no sense',
      why: 'Not set means DNS-SD to Windows; here it means DOCacheHost alone, like 0, because any machine of the LAN could answer'
    }
  ),
  DOMaxDownloadBandwidth: amountField(0, kilobytes, {
    what: 'The most that this agent takes over the WAN, in the foreground and in the background; 0: no limit',
    why: 'Superseded in Windows 10 2004; holds where the two newer ones are not set',
    stricter: 'lower-not-0',
    insteadUse: 'DOMaxForegroundDownloadBandwidth and DOMaxBackgroundDownloadBandwidth'
  }),
  DOPercentageMaxDownloadBandwidth: amountField(0, percent, {
    what: 'The share of the WAN line that downloads may take, in the foreground and in the background; 0: no limit',
    why: 'Superseded in Windows 10 2004; holds where the two newer ones are not set',
    stricter: 'lower-not-0',
    insteadUse: 'DOPercentageMaxForegroundBandwidth and DOPercentageMaxBackgroundBandwidth'
  }),
  DOMaxUploadBandwidth: amountField(0, kilobytes, {
    what: 'The most that this agent gives to peers; 0: no limit',
    why: 'Superseded in Windows 10 2004; holds beside maxLanUploadBytesPerSecond',
    stricter: 'lower-not-0',
    insteadUse: 'maxLanUploadBytesPerSecond'
  })
}
