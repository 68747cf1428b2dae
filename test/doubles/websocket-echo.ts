/** The smallest true WebSocket server (RFC 6455): says each short message back, in capitals. For the tests of the proxy. */
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { closers, listen } from './proxy-harness.ts'

const acceptOf = (key: string): string =>
  createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')

/** @returns its address, `127.0.0.1:1234` */
export async function websocketEcho(seen: IncomingMessage[] = []): Promise<string> {
  const server = createServer((_req, res) => res.writeHead(426).end())
  server.on('upgrade', (req: IncomingMessage, socket: Duplex) => {
    seen.push(req)
    closers.push(() => socket.destroy())
    socket.on('error', () => {})
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        `Sec-WebSocket-Accept: ${acceptOf(req.headers['sec-websocket-key'] ?? '')}\r\n\r\n`
    )
    let rest: Buffer = Buffer.alloc(0)
    socket.on('data', (part: Buffer) => {
      rest = Buffer.concat([rest, part])
      for (let length = frameBytes(rest); length !== null; length = frameBytes(rest)) {
        socket.write(answerTo(rest.subarray(0, length)))
        // The server is the one who ends the connection (RFC 6455, 7.1.1).
        if (isClose(rest)) socket.end()
        rest = rest.subarray(length)
      }
    })
  })
  return `127.0.0.1:${await listen(server)}`
}

/** A client's frame is masked: two bytes, the mask, and here at most 125 more. Null: it is not all there yet. */
function frameBytes(bytes: Buffer): number | null {
  const length = 6 + ((bytes[1] ?? 0) & 0x7f)
  return bytes.length < length ? null : length
}

function answerTo(frame: Buffer): Buffer {
  const payload = frame.subarray(6).map((byte, at) => byte ^ frame[2 + (at % 4)]!)
  const body = isClose(frame) ? payload : Buffer.from(Buffer.from(payload).toString().toUpperCase())
  return Buffer.concat([Buffer.from([frame[0]!, body.length]), body])
}

const isClose = (frame: Buffer): boolean => (frame[0]! & 0xf) === 8
