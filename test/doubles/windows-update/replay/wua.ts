/**
 * The Windows Update Agent against a WSUS: the calls from scan to report, and between them a plain GET for each file that
 * the answers name. (Large files Windows leaves to Delivery Optimization: replay those with their offer.)
 */
import { createHash } from 'node:crypto'
import { soapAction, soapRequest, soapTemplates, valuesOf } from '../soap.ts'
import type { Offer } from '../windows-update.ts'
import type { Question } from './connection.ts'
import { createReplay, type Replay, type Replayer } from './replay.ts'

const userAgent = ['User-Agent', 'Windows-Update-Agent/10.0.10011.16384 Client-Protocol/2.71'] as const

/** @param offer the file that must be among those that the WSUS names */
export const replayWua: Replayer = async (target, offer, options = {}) => {
  const replay = createReplay('Windows Update Agent', target, offer, options)
  const server = new URL(offer.url).origin
  const connection = replay.connect()
  const call = async (name: string, values: Parameters<typeof soapRequest>[1]): Promise<string> => {
    const { path } = soapTemplates[name]!
    const body = soapRequest(name, values)
    const { exchange, body: answer } = await replay.ask(connection, {
      name,
      method: 'POST',
      url: server + path,
      headers: soapHeaders(name, body),
      body,
      expect: 'anything'
    })
    if (exchange.status !== 200) replay.complain(`${name}: status ${exchange.status} instead of 200`)
    return answer.toString('utf8')
  }

  await call('GetConfig', { protocolVersion: '3.2' })
  const pass = await call('GetAuthorizationCookie', { clientId: '0f0e0d0c-1111-4222-8333-444455556666' })
  const given = await call('GetCookie', { CookieData: valuesOf(pass, 'CookieData') })
  const cookie = { EncryptedData: valuesOf(given, 'EncryptedData') }
  await call('RegisterComputer', cookie)
  const scan = await call('SyncUpdates', cookie)
  const details = await call('GetExtendedUpdateInfo', { ...cookie, int: valuesOf(scan, 'ID') })
  const url = addressOf(details, offer)
  if (url === null) replay.complain('GetExtendedUpdateInfo: the file is not named')
  else await download(replay, { ...offer, url })
  await call('ReportEventBatch', { ...cookie, EventID: '164' })
  return replay.finish()
}

/** The addresses stand beside the digests. */
function addressOf(details: string, { sha1 }: Offer): string | null {
  const digest = Buffer.from(sha1, 'hex').toString('base64')
  return valuesOf(details, 'Url')[valuesOf(details, 'FileDigest').indexOf(digest)] ?? null
}

async function download(replay: Replay, { url, sha1 }: Offer): Promise<void> {
  const { good, body } = await replay.ask(replay.connect(), {
    name: 'the file',
    method: 'GET',
    url,
    headers: [['Connection', 'Keep-Alive'], ['Accept', '*/*'], userAgent, ['Host', '']],
    expect: 'all'
  })
  if (!good) return
  if (createHash('sha1').update(body).digest('hex') !== sha1)
    return replay.complain('the file has another SHA-1')
  replay.keep(0, body)
}

function soapHeaders(call: string, body: string): Question['headers'] {
  return [
    ['Connection', 'Keep-Alive'],
    ['Content-Type', 'text/xml; charset=utf-8'],
    ['Accept-Encoding', 'xpress'],
    userAgent,
    ['SOAPAction', soapAction(call)],
    ['Content-Length', String(Buffer.byteLength(body))],
    ['Host', '']
  ]
}
