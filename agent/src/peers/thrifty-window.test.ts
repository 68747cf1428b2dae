import { YamuxStream } from '@chainsafe/libp2p-yamux/stream'
import { afterEach, expect, test } from 'vitest'
import { createBareHosts } from '../../../test/doubles/bare-libp2p.ts'
import { until } from '../../../test/doubles/peers-on-loopback.ts'
import { tellWindowRarely } from './thrifty-window.ts'

const bare = createBareHosts()
afterEach(() => bare.stopAll())

const protocol = '/starling/test/1'
const messageBytes = 1024
/** Four times the window: without any update the sender would come to a stand. */
const messages = 1024

test('a stream of small messages needs few window updates, and does not come to a stand', async () => {
  const [from, to] = [await bare.host(), await bare.host()]
  let [updates, received] = [0, 0]
  await to.handle(protocol, stream => {
    if (!(stream instanceof YamuxStream)) throw new Error('the muxer is not yamux any more')
    const tell = stream.sendWindowUpdate.bind(stream)
    stream.sendWindowUpdate = () => {
      updates++
      tell()
    }
    tellWindowRarely(stream)
    stream.addEventListener('message', ({ data }) => {
      received += data.byteLength
    })
  })
  const stream = await from.dialProtocol(to.getMultiaddrs()[0]!, protocol)
  for (let sent = 0; sent < messages; sent++) {
    if (!stream.send(new Uint8Array(messageBytes))) await stream.onDrain()
  }
  await until('all has arrived', () => received === messages * messageBytes)
  expect(updates).toBeGreaterThan(3)
  expect(updates).toBeLessThanOrEqual(messages / 64 + 1)
})
