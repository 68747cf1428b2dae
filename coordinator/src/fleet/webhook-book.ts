/** Where alerts are told: an address that is a secret (who has it can write into the chat), so it is kept sealed. */
import { StarlingError } from '@starling/shared/errors.ts'
import type { Millis } from '@starling/shared/units.ts'
import { z } from 'zod'
import { webhookShapes, type AlertWord, type Webhook, type WebhookBook } from '../fleet-ports.ts'
import type { Change } from '../ports.ts'

const name = 'alerts/webhook'
const shape = z.object({ url: z.string(), shape: z.enum(webhookShapes) })

export function createWebhookBook(
  readSecret: (name: string) => Promise<Uint8Array | null>,
  change: Change,
  send: (webhook: Webhook, word: AlertWord) => Promise<void>,
  clock: () => Millis
): WebhookBook {
  const read = async (): Promise<Webhook | null> => {
    const plain = await readSecret(name)
    return plain === null ? null : shape.parse(JSON.parse(Buffer.from(plain).toString('utf8')))
  }
  return {
    read,
    async write(webhook, by) {
      await change(by, async ({ secrets }) => {
        if (webhook === null) await secrets.remove(name)
        else await secrets.write(name, Buffer.from(JSON.stringify(webhook), 'utf8'))
        return { result: undefined, target: webhook?.shape ?? 'none' }
      })
    },
    async test() {
      const webhook = await read()
      if (webhook === null) throw new StarlingError('no-webhook', 'there is no webhook: set one first')
      await send(webhook, {
        id: 'test/test',
        rule: 'test',
        site: 'test',
        state: 'firing',
        value: 0,
        summary: 'somebody tries whether alerts arrive here',
        at: Math.floor(clock())
      })
    }
  }
}
