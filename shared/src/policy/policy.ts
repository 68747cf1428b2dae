/**
 * The rules that an admin may turn, each with its default, its limits and the reason for both. This is the only place
 * where they stand: the core is handed the result (`CorePolicy`), the command line and the docs read the words.
 *
 * A rule that others build on keeps its name for ever: a coordinator of another version may send it.
 */
import { z } from 'zod'
import { GiB, minuteMs, secondMs } from '../units.ts'
import { countField, factsOf, listField, millisField, rateField, type FieldFacts } from './fields.ts'
import { hoursFromText } from './hours.ts'

/** 10 Gbit/s and more: above that a limit limits nothing. */
const anyRate = { min: 0, max: 2 * GiB }
const hours = z.string().refine(text => hoursFromText(text) !== null)
const hoursWording = { word: 'hours', form: 'hours with a rate (0: no limit), like mon-fri 8-18 500KB' }

export const policySchema = z.strictObject({
  upstreamSlots: countField(
    2,
    { min: 0, max: 64 },
    {
      what: 'Upstream fetches of one transfer that this agent runs at a time',
      why:
        'One fetch leaves the line idle for a round trip between extents; two keep it busy, and a third only makes ' +
        'this agent hold more of what its site waits for'
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
        'Optimization has 4, for links of home users'
    }
  ),
  downloadSlots: countField(
    16,
    { min: 1, max: 256 },
    {
      what: 'Chunk requests in flight to peers, over all transfers',
      why:
        'Each holds one chunk of 1 MiB in memory: 16 MiB at the most, and twice the upload slots of one peer, so that ' +
        'a busy peer never leaves us idle'
    }
  ),
  delayForegroundDownloadFromHttpMs: millisField(
    2000,
    { min: 0, max: 10 * minuteMs },
    {
      what: 'How long a waiting client may see no progress before its chunk is fetched out of turn',
      why: 'Well over what a takeover on the LAN needs (hundreds of ms), well under what people take for a hang'
    }
  ),
  delayBackgroundDownloadFromHttpMs: millisField(
    10 * secondMs,
    { min: 0, max: 10 * minuteMs },
    {
      what: 'The same for a download in the background, for which nobody waits',
      why: "Delivery Optimization turns away from a cache that sends nothing for 20 s; half of that leaves room for the origin's answer"
    }
  ),
  maxForegroundDownloadBytesPerSecond: rateField(0, anyRate, {
    what: 'The most that this agent takes over the WAN in a second for downloads that somebody waits for; 0: no limit',
    why: 'Who waits is served as fast as the line allows'
  }),
  maxBackgroundDownloadBytesPerSecond: rateField(0, anyRate, {
    what: 'The same for downloads in the background; 0: no limit',
    why: 'They yield to other traffic by themselves (maxBackgroundQueueDelayMs), so an idle line may be used'
  }),
  hoursToLimitForegroundDownload: listField(hours, hoursWording, {
    what: 'Hours of the week, in local time, with the limit that holds in them for foreground downloads; the first that fits counts',
    why: 'None: the one limit holds all week'
  }),
  hoursToLimitBackgroundDownload: listField(hours, hoursWording, {
    what: 'Hours of the week, in local time, with the limit that holds in them for background downloads; the first that fits counts',
    why: 'None: the one limit holds all week'
  }),
  maxBackgroundQueueDelayMs: millisField(
    60,
    { min: 0, max: secondMs },
    {
      what: 'Background downloads slow down so that packets wait no longer than this in front of the WAN line; 0: they do not',
      why: 'RFC 6817 and its successors aim at 60 to 100 ms: a call does not notice it yet'
    }
  ),
  maxLanDownloadBytesPerSecond: rateField(0, anyRate, {
    what: 'The most that this agent takes from peers in a second; 0: no limit',
    why: 'A LAN has room, and chunks from peers are what spares the WAN'
  }),
  maxLanUploadBytesPerSecond: rateField(0, anyRate, {
    what: 'The most that this agent gives to peers in a second; 0: no limit',
    why: 'A LAN has room; a site on Wi-Fi may want less'
  }),
  upstreamWeight: countField(
    500,
    { min: 0, max: 1000 },
    {
      what: 'How willing this agent is to use the WAN for its site: 0 never does, 1000 does first',
      why: 'In the middle, so that an admin can prefer some machines as well as spare others'
    }
  )
})

export type PolicyNumbers = Readonly<z.infer<typeof policySchema>>

/** Nothing said, nothing changed. */
export const policyDefaults: PolicyNumbers = policySchema.parse({})

/** Every rule with its words, for `--help`, the page and the docs. */
export function policyRules(): ReadonlyArray<FieldFacts & { readonly name: string }> {
  return Object.entries(policySchema.shape).map(([name, schema]) => ({ name, ...factsOf(schema)! }))
}
