/**
 * What policy can say beyond Delivery Optimization: slots, absolute rates for each way that bytes take, hours of the week, politeness by
 * delay, what a site is. What others have named is in do-policies.ts, under their names.
 */
import { z } from 'zod'
import { GiB, secondMs } from '../units.ts'
import { countField, listField, millisField, rateField, switchField } from './fields.ts'
import { hoursFromText } from './hours.ts'
import { siteDefinitionsField } from './sites.ts'

/** 10 Gbit/s and more: above that a limit limits nothing. */
const anyRate = { min: 0, max: 2 * GiB }
const hours = z.string().refine(text => hoursFromText(text) !== null)
const hoursWording = { word: 'hours', form: 'hours with a rate (0: no limit), like mon-fri 8-18 500KB' }

export const ownShape = {
  upstreamSlots: countField(
    2,
    { min: 0, max: 64 },
    {
      what: 'Upstream fetches of one transfer that this agent runs at a time',
      why:
        'One fetch leaves the line idle for a round trip between extents; two keep it busy, and a third only makes ' +
        'this agent hold more of what its site waits for',
      stricter: 'lower'
    }
  ),
  siteUpstreamSlots: countField(
    6,
    { min: 1, max: 256 },
    {
      what: 'Upstream fetches of one transfer that all agents of a site run at a time',
      why:
        'What a browser opens to one host: enough to fill a line in spite of a limit per connection, few enough that ' +
        'chunks arrive soon and nearly in order, and that a slow origin is spared'
    }
  ),
  uploadSlots: countField(
    8,
    { min: 0, max: 256 },
    {
      what: 'Chunks that this agent gives to peers at a time',
      why:
        'At 1 Gbit/s a chunk leaves in about 9 ms, so eight share a full line while none waits 100 ms; Delivery ' +
        'Optimization has 4, for links of home users',
      stricter: 'lower'
    }
  ),
  downloadSlots: countField(
    16,
    { min: 1, max: 256 },
    {
      what: 'Chunk requests in flight to peers, over all transfers',
      why:
        'Each holds one chunk of 1 MiB in memory: 16 MiB at the most, and twice the upload slots of one peer, so that ' +
        'a busy peer never leaves us idle',
      stricter: 'lower'
    }
  ),
  wanLineBytesPerSecond: rateField(0, anyRate, {
    what: 'What the WAN line of the site carries in a second, which percentages are of; 0: what was measured',
    why: 'Nothing is known of a line until something was fetched over it'
  }),
  maxWanDownloadBytesPerSecond: rateField(0, anyRate, {
    what: 'The most that this agent takes over the WAN in a second, in the foreground and in the background together; 0: no limit',
    why: 'The two have limits of their own (DOMaxForegroundDownloadBandwidth, DOMaxBackgroundDownloadBandwidth)',
    stricter: 'lower-not-0'
  }),
  hoursToLimitForegroundDownload: listField(hours, hoursWording, {
    what: 'Hours of the week, in local time, with the limit that holds in them for foreground downloads; the first that fits counts',
    why: 'None: the one limit holds all week. They come before DOSetHoursToLimitForegroundDownloadBandwidth'
  }),
  hoursToLimitBackgroundDownload: listField(hours, hoursWording, {
    what: 'Hours of the week, in local time, with the limit that holds in them for background downloads; the first that fits counts',
    why: 'None: the one limit holds all week. They come before DOSetHoursToLimitBackgroundDownloadBandwidth'
  }),
  maxBackgroundQueueDelayMs: millisField(
    60,
    { min: 0, max: secondMs },
    {
      what: 'Background downloads slow down so that packets wait no longer than this in front of the WAN line; 0: they do not',
      why: 'RFC 6817 and its successors aim at 60 to 100 ms: a call does not notice it yet',
      stricter: 'lower-not-0'
    }
  ),
  maxLanDownloadBytesPerSecond: rateField(0, anyRate, {
    what: 'The most that this agent takes from peers in a second; 0: no limit',
    why: 'A LAN has room, and chunks from peers are what spares the WAN',
    stricter: 'lower-not-0'
  }),
  maxLanUploadBytesPerSecond: rateField(0, anyRate, {
    what: 'The most that this agent gives to peers in a second; 0: no limit',
    why: 'A LAN has room; for Wi-Fi there is maxWifiUploadBytesPerSecond',
    stricter: 'lower-not-0'
  }),
  maxWifiDownloadBytesPerSecond: rateField(0, anyRate, {
    what: 'The most that this agent takes from peers in a second while it is on Wi-Fi; 0: as on a cable',
    why: 'Peers on one access point share the air, but requests follow the time that they take and leave it room',
    stricter: 'lower-not-0'
  }),
  maxWifiUploadBytesPerSecond: rateField(0, anyRate, {
    what: 'The most that this agent gives to peers in a second while it is on Wi-Fi; 0: as on a cable',
    why: 'Each byte between two machines on one access point crosses the air twice; where that hurts, its admin knows the rate',
    stricter: 'lower-not-0'
  }),
  uploadOnMetered: switchField(false, {
    what: 'Give to others also on a connection that the system calls metered',
    why: 'Somebody pays for it by the byte',
    stricter: 'off'
  }),
  upstreamWeight: countField(
    500,
    { min: 0, max: 1000 },
    {
      what: 'How willing this agent is to use the WAN for its site: 0 never does, 1000 does first. On Wi-Fi half of it counts, on battery a quarter',
      why: 'In the middle, so that an admin can prefer some machines as well as spare others; a machine on a cable and on mains goes first by itself'
    }
  ),
  siteDefinitions: siteDefinitionsField
}
