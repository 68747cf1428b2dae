/**
 * A WSUS's answers to the calls that a client makes from scan to report, as templates: each has the call it answers and
 * a body in which values of the request (the cookie's, the revisions asked for) and of the server (its address, time and
 * files) are filled in. Far from complete, and enough for what a proxy sees: POST after POST, XML both ways, and at the end
 * the addresses and digests of files.
 *
 * Calls, namespaces and paths are those of [MS-WUSP] 2.1 and 3.1.
 */
import { randomUUID } from 'node:crypto'
import type { Bytes, Millis } from '@starling/shared/units.ts'
import { hourMs } from '@starling/shared/units.ts'
import type { PlainAnswer } from '../origin.ts'

export interface SoapFile {
  readonly revision: number
  readonly name: string
  readonly path: string
  readonly length: Bytes
  /** In hex. */
  readonly sha1: string
  readonly sha256: string
}

export interface SoapEnvironment {
  readonly now: Millis
  /** Where the client has come to: files are under the same address. */
  readonly server: string
  readonly files: readonly SoapFile[]
}

/** The text of every element of that name in the request, in order. */
type Values = (element: string) => readonly string[]

interface Template {
  readonly path: string
  readonly namespace: string
  readonly body: (request: Values, environment: SoapEnvironment) => Xml
}

const distribution = 'http://www.microsoft.com/SoftwareDistribution'
const simpleAuth = {
  path: '/SimpleAuthWebService/SimpleAuth.asmx',
  namespace: `${distribution}/Server/SimpleAuthWebService`
}
const client = {
  path: '/ClientWebService/Client.asmx',
  namespace: `${distribution}/Server/ClientWebService`
}
const reporting = { path: '/ReportingWebService/ReportingWebService.asmx', namespace: distribution }

/** By the call's name, in the order in which a client makes them. */
export const soapTemplates: Readonly<Record<string, Template>> = {
  GetConfig: {
    ...client,
    body: (request, { now }) => xml`<GetConfigResult><LastChange>${iso(now)}</LastChange>
      <IsRegistrationRequired>true</IsRegistrationRequired>
      <AuthInfo><AuthPlugInInfo><PlugInID>SimpleTargeting</PlugInID>
        <ServiceUrl>SimpleAuthWebService/SimpleAuth.asmx</ServiceUrl></AuthPlugInInfo></AuthInfo>
      <Properties><ConfigurationProperty><Name>ProtocolVersion</Name>
        <Value>${request('protocolVersion')[0] ?? '3.2'}</Value></ConfigurationProperty></Properties></GetConfigResult>`
  },
  GetAuthorizationCookie: {
    ...simpleAuth,
    body: request => xml`<GetAuthorizationCookieResult><PlugInId>SimpleTargeting</PlugInId>
      <CookieData>${base64(request('clientId')[0] ?? '')}</CookieData></GetAuthorizationCookieResult>`
  },
  GetCookie: {
    ...client,
    body: (request, { now }) =>
      xml`<GetCookieResult>${cookie(now, request('CookieData')[0])}</GetCookieResult>`
  },
  RegisterComputer: { ...client, body: () => xml`` },
  SyncUpdates: {
    ...client,
    body: (request, { now, files }) => xml`<SyncUpdatesResult><NewUpdates>${files.map(
      ({ revision, name }) => xml`<UpdateInfo><ID>${revision}</ID>
        <Deployment><ID>${revision}</ID><Action>Install</Action><LastChangeTime>${iso(now)}</LastChangeTime></Deployment>
        <IsLeaf>true</IsLeaf><Xml>${xml`<Title>${name}</Title>`.text}</Xml></UpdateInfo>`
    )}</NewUpdates><Truncated>false</Truncated>
      <NewCookie>${cookie(now, request('EncryptedData')[0])}</NewCookie></SyncUpdatesResult>`
  },
  GetExtendedUpdateInfo: {
    ...client,
    body(request, { server, files }) {
      const asked = files.filter(({ revision }) => request('int').includes(String(revision)))
      return xml`<GetExtendedUpdateInfoResult><Updates>${asked.map(
        ({ revision, name, length, sha1, sha256 }) =>
          xml`<Update><ID>${revision}</ID><Xml>${
            xml`<Files><File Digest="${digest(sha1)}" DigestAlgorithm="SHA1" FileName="${name}" Size="${length}">
            <AdditionalDigest Algorithm="SHA256">${digest(sha256)}</AdditionalDigest></File></Files>`.text
          }</Xml></Update>`
      )}</Updates><FileLocations>${asked.map(
        ({ path, sha1 }) => xml`<FileLocation><FileDigest>${digest(sha1)}</FileDigest>
          <Url>${server}${path}</Url></FileLocation>`
      )}</FileLocations></GetExtendedUpdateInfoResult>`
    }
  },
  ReportEventBatch: { ...reporting, body: () => xml`<ReportEventBatchResult>true</ReportEventBatchResult>` }
}

/** The header that says which call it is, as clients send it. */
export function soapAction(call: string): string {
  return `"${soapTemplates[call]!.namespace}/${call}"`
}

export function answerSoap(
  path: string,
  action: string,
  requestXml: string,
  environment: SoapEnvironment
): PlainAnswer {
  const call = /([A-Za-z]+)"?$/.exec(action)?.[1] ?? ''
  const template = Object.hasOwn(soapTemplates, call) ? soapTemplates[call]! : null
  if (template === null || template.path.toLowerCase() !== path.toLowerCase()) {
    return soapAnswer(
      500,
      xml`<soap:Fault><faultcode>soap:Client</faultcode><faultstring>${path} knows no ${action}</faultstring></soap:Fault>`
    )
  }
  const inner = template.body(element => valuesOf(requestXml, element), environment)
  return soapAnswer(200, element(`${call}Response`, template.namespace, inner))
}

/** The whole request for a call, with these values. */
export function soapRequest(
  call: string,
  values: Readonly<Record<string, string | readonly string[]>>
): string {
  const inner = Object.entries(values).map(([name, value]) =>
    [value].flat().map(text => element(name, null, xml`${text}`))
  )
  return envelope(element(call, soapTemplates[call]!.namespace, xml`${inner.flat()}`)).text
}

export function valuesOf(text: string, element: string): readonly string[] {
  const found = text.matchAll(new RegExp(`<(?:\\w+:)?${element}(?:\\s[^>]*)?>([^<]*)</`, 'g'))
  return [...found].map(([, value]) => unescaped(value!))
}

function soapAnswer(status: number, inner: Xml): PlainAnswer {
  return {
    status,
    headers: { 'content-type': 'text/xml; charset=utf-8', 'cache-control': 'private, max-age=0' },
    body: envelope(inner).text
  }
}

function envelope(inner: Xml): Xml {
  return xml`<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>${inner}</soap:Body></soap:Envelope>`
}

function element(name: string, namespace: string | null, inner: Xml): Xml {
  const opening = namespace === null ? name : xml`${name} xmlns="${namespace}"`.text
  return new Xml(`<${opening}>${inner.text}</${name}>`)
}

function cookie(now: Millis, of: string | undefined): Xml {
  return xml`<Expiration>${iso(now + hourMs)}</Expiration><EncryptedData>${of ?? base64(randomUUID())}</EncryptedData>`
}

const iso = (at: Millis): string => new Date(at).toISOString()
const base64 = (text: string): string => Buffer.from(text).toString('base64')
const digest = (hex: string): string => Buffer.from(hex, 'hex').toString('base64')

/** Text that is XML already: what is filled into `xml` and is not of this class gets escaped. */
class Xml {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

function xml(texts: TemplateStringsArray, ...values: Array<Xml | readonly Xml[] | string | number>): Xml {
  const filled = values.map(value =>
    typeof value === 'object'
      ? [value]
          .flat()
          .map(({ text }) => text)
          .join('')
      : escaped(String(value))
  )
  return new Xml(String.raw({ raw: texts }, ...filled))
}

const escapes = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' } as const

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, sign => escapes[sign as keyof typeof escapes])
}

function unescaped(text: string): string {
  const signs = Object.fromEntries(Object.entries(escapes).map(([sign, escape]) => [escape, sign]))
  return text.replace(/&(?:amp|lt|gt|quot);/g, escape => signs[escape]!)
}
