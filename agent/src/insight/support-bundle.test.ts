import { strFromU8, unzipSync } from 'fflate'
import { describe, expect, it } from 'vitest'
import { createRedactor } from './redact.ts'
import { makeBundle } from './support-bundle.ts'

const key = 'files.example/dept/salaries.xlsx?sig=s3cret'
const told = {
  msg: `GET http://user:pa55@files.example:8080/dept/salaries.xlsx?sig=s3cret failed, ask with Bearer abc.def-ghi=`,
  key,
  note: 'what is this? nobody knows',
  plain: 'files.example/dept/salaries.xlsx',
  ticket: 'STARLING1-abcDEF_123',
  words: 'joined with STARLING1-abcDEF_123 today',
  deep: [{ fleetSecret: 'hush', proxyPassword: 'hush', count: 3 }],
  page: 'http://127.0.0.1:17832',
  nothing: null
}
const secrets = /s3cret|pa55|user:|abc\.def|abcDEF_123|hush/

describe('redaction', () => {
  const clean = (withNames: boolean) => JSON.stringify(createRedactor([key], withNames).value(told))

  it('takes secrets, tickets, queries and credentials out, whatever is asked for', () => {
    for (const withNames of [false, true]) expect(clean(withNames)).not.toMatch(secrets)
    expect(clean(true)).toContain('files.example:8080/dept/salaries.xlsx')
  })

  it('takes names out unless they are asked for, and keeps what is of use', () => {
    const text = clean(false)
    expect(text).not.toMatch(/files\.example|salaries/)
    expect(text).toContain('what is this? nobody knows')
    expect(text).toContain('http://127.0.0.1:17832')
    expect(text).toContain('"count":3')
  })

  it("takes the names of colleagues' PCs out of what is told of peers", () => {
    const peers = [
      { id: 'p', name: 'NB-MUELLER', network: 'wifi', capabilities: ['name:NB-MUELLER', 'net:wifi'] }
    ]
    expect(JSON.stringify(createRedactor([], false).value({ peers }))).not.toContain('MUELLER')
    expect(createRedactor([], true).value({ peers })).toEqual({ peers })
  })

  it('one name becomes one word', () => {
    const { key: first, plain } = createRedactor([key], false).value(told) as Record<string, string>
    const again = createRedactor([key], false).value(told) as Record<string, string>
    expect(first).toMatch(/^content-[\da-f]{10}$/)
    expect([again['key'], again['plain']]).toEqual([first, plain])
    const redactor = createRedactor([], false)
    const [one, other] = ['http://a.example/x', 'http://a.example/y'].map(url => String(redactor.value(url)))
    expect(one!.split('/')[2]).toBe(other!.split('/')[2])
    expect(one).not.toBe(other)
  })
})

it('names that are no keys of contents go too: those in log lines, of contents that are gone, of tunnels', () => {
  const redactor = createRedactor([key], false)
  const text = JSON.stringify(
    redactor.value([
      { target: 'bank.example:443', problem: 'getaddrinfo ENOTFOUND bank.example' },
      { msg: 'gone.example/old/plan.docx was evicted (files.example is full)' },
      { intercept: { hosts: ['*.shop.example'] }, credentials: ['hush'] },
      { url: 'http://192.0.2.7/dept/plan.docx' }
    ])
  )
  expect(text).not.toMatch(/bank|gone\.|plan|files\.example|shop|hush/)
  expect(text).toMatch(/host-[\da-f]{10}:443/)
  const harmless = { path: 'cache.quotaBytes', host: { name: '127.0.0.1' }, at: '/ip4/192.0.2.4/tcp/1' }
  expect(redactor.value(harmless)).toEqual(harmless)
})

it('a large cache is redacted in a moment', () => {
  const keys = Array.from({ length: 10_000 }, (_, index) => `files.example/updates/${index}.cab`)
  const startedAt = performance.now()
  const lines = keys.map(one => ({ key: one, SourceURL: `http://${one}` }))
  const clean = createRedactor(keys, false).value(lines) as typeof lines
  expect(performance.now() - startedAt).toBeLessThan(3000)
  expect(clean[7]?.key).toMatch(/^content-[\da-f]{10}$/)
  expect(clean[7]?.SourceURL).toBe(clean[7]?.key)
})

it('a bundle is a zip of files to be read; what failed is told in its file', () => {
  const bundle = makeBundle(
    { 'a.json': told, 'log.ndjson': [{ msg: 'one' }, { msg: 'two' }], 'b.json': new Error('no such thing') },
    createRedactor([key], false)
  )
  const files = Object.fromEntries(
    Object.entries(unzipSync(bundle)).map(([name, bytes]) => [name, strFromU8(bytes)])
  )
  expect(Object.keys(files).sort()).toEqual(['a.json', 'b.json', 'log.ndjson'])
  expect(files['log.ndjson']).toBe('{"msg":"one"}\n{"msg":"two"}\n')
  expect(JSON.parse(files['b.json']!)).toEqual({ problem: 'no such thing' })
  expect(files['a.json']).not.toMatch(secrets)
})
