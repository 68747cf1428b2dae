/**
 * The numbers that an admin may turn, each with its default, its limits and the reason for both. This is the only place
 * where they stand: the core is handed the result (`CorePolicy`), the command line and the docs read the words.
 *
 * A rule that others build on keeps its name for ever: a coordinator of another version may send it.
 */
import { z } from 'zod'
import { minuteMs } from '../units.ts'
import { countField, factsOf, millisField, type FieldFacts } from './fields.ts'

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
