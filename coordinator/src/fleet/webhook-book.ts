/** Where alerts are told: an address that is a secret (who has it can write into the chat), so it is kept sealed. */
import { StarlingError } from '@starling/shared/errors.ts'
import type { Millis } from '@starling/shared/units.ts'
import { z } from 'zod'
import type { Database } from '../store/database.ts'
import type { Secrets } from '../store/secrets.ts'
import { webhookShapes, type AlertWord, type Webhook } from './webhook.ts'

export interface WebhookBook {
  read(): Promise<Webhook | null>
  write(webhook: Webhook | null): Promise<void>
  /** @throws StarlingError `no-webhook`, `webhook-failed` */
  test(): Promise<void>
}

const name = 'alerts/webhook'
const shape = z.object({ url: z.string(), shape: z.enum(webhookShapes) })

export function createWebhookBook(
  database: Pick<Database, 'transaction'>,
  secrets: Secrets,
  send: (webhook: Webhook, word: AlertWord) => Promise<void>,
  clock: () => Millis
): WebhookBook {
  const read = async (): Promise<Webhook | null> => {
    const plain = await secrets.read(name)
    return plain === null ? null : shape.parse(JSON.parse(Buffer.from(plain).toString('utf8')))
  }
  return {
    read,
    async write(webhook) {
      await database.transaction(async transaction => {
        if (webhook === null) await secrets.remove(transaction, name)
        else await secrets.write(transaction, name, Buffer.from(JSON.stringify(webhook), 'utf8'))
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
