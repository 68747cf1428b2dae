/** Where alerts are told: an address that is a secret (who has it can write into the chat), so it is kept sealed. */
import { StarlingError } from '@starling/shared/errors.ts'
import type { Millis } from '@starling/shared/units.ts'
import { z } from 'zod'
import { webhookShapes, type AlertWord, type Webhook, type WebhookBook } from '../fleet-ports.ts'

const name = 'alerts/webhook'
const shape = z.object({ url: z.string(), shape: z.enum(webhookShapes) })

export function createWebhookBook(
  secret: {
    read(name: string): Promise<Uint8Array | null>
    /** Null takes it away. */
    write(name: string, plain: Uint8Array | null): Promise<void>
  },
  send: (webhook: Webhook, word: AlertWord) => Promise<void>,
  clock: () => Millis
): WebhookBook {
  const read = async (): Promise<Webhook | null> => {
    const plain = await secret.read(name)
    return plain === null ? null : shape.parse(JSON.parse(Buffer.from(plain).toString('utf8')))
  }
  return {
    read,
    async write(webhook) {
      await secret.write(name, webhook === null ? null : Buffer.from(JSON.stringify(webhook), 'utf8'))
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
