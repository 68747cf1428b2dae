/** An alert as chat systems and programs take it, sent by one POST. Who sends again when it fails is the caller. */
import { StarlingError, messageOf } from '@starling/shared/errors.ts'
import type { AlertWord, Webhook, WebhookShape } from '../fleet-ports.ts'
import { KiB, secondMs, type Bytes, type Millis } from '@starling/shared/units.ts'

const answerMsMax: Millis = 10 * secondMs
const answerBytesMax: Bytes = 4 * KiB

/** Slack: api.slack.com/messaging/webhooks. Teams: a workflow's "adaptive card" message. WeCom: developer.work.weixin.qq.com/document/path/91770. */
export function webhookBody(shape: WebhookShape, word: AlertWord): object {
  const mark = word.state === 'firing' ? 'Firing' : 'Resolved'
  const text = `${mark}: ${word.rule} at site ${word.site}: ${word.summary} (${Number(word.value.toFixed(3))})`
  switch (shape) {
    case 'json':
      return { source: 'starling', ...word }
    case 'slack':
      return { text }
    case 'teams':
      return {
        type: 'message',
        attachments: [
          {
            contentType: 'application/vnd.microsoft.card.adaptive',
            content: {
              $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
              type: 'AdaptiveCard',
              version: '1.4',
              body: [{ type: 'TextBlock', text, wrap: true }]
            }
          }
        ]
      }
    case 'wecom':
      return { msgtype: 'text', text: { content: text } }
  }
}

/** @throws StarlingError `webhook-failed`; its text has no address in it, for that is a secret */
export async function sendToWebhook({ url, shape }: Webhook, word: AlertWord): Promise<void> {
  let response
  try {
    response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(webhookBody(shape, word)),
      redirect: 'error',
      signal: AbortSignal.timeout(answerMsMax)
    })
  } catch (cause) {
    throw new StarlingError('webhook-failed', `the webhook cannot be reached: ${messageOf(cause)}`, { cause })
  }
  const answer = await beginningOf(response)
  // WeCom answers 200 to everything, and says in the body what it thinks.
  const refused = shape === 'wecom' && /"errcode"\s*:\s*[1-9-]/.test(answer)
  if (!response.ok || refused)
    throw new StarlingError(
      'webhook-failed',
      `the webhook answered ${response.status}${refused ? ' with an error code' : ''}`
    )
}

/** Whoever answers may go on for as long as it likes; what matters stands at the beginning. */
async function beginningOf({ body }: Response): Promise<string> {
  const parts: Uint8Array[] = []
  let bytes = 0
  try {
    for await (const part of body ?? []) {
      parts.push(part)
      bytes += part.length
      if (bytes >= answerBytesMax) break
    }
  } catch (cause) {
    throw new StarlingError('webhook-failed', `the webhook cannot be reached: ${messageOf(cause)}`, { cause })
  }
  return Buffer.concat(parts).toString('utf8', 0, answerBytesMax)
}
