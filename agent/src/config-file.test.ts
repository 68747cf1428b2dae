import { describe, expect, it } from 'vitest'
import { readConfigText } from './config-file.ts'
import { nearestName } from '@starling/shared/nearest-name.ts'

const paths = ['site', 'proxy.clients', 'cache.quotaBytes', 'contentClasses']
const read = (text: string) => readConfigText(text, paths, path => `what is ${path}?`)
const where = (text: string) =>
  read(text).problems.map(({ at, path, message }) => `${at.line}:${at.column} ${path} ${message}`)

describe('a value', () => {
  it('knows its line and column, and those of its parts', () => {
    const { values, problems } = read(
      '{\n  "cache": {\n    "quotaBytes": "1GiB"\n  },\n  "proxy": { "clients": [\n    "a",\n    "b"\n  ] },\n' +
        '  "contentClasses": [{ "id": "x", "paths": ["/y"] }]\n}\n'
    )
    expect(problems).toEqual([])
    expect(values.get('cache.quotaBytes')).toMatchObject({ value: '1GiB', at: { line: 3, column: 19 } })
    const clients = values.get('proxy.clients')!
    expect(clients.value).toEqual(['a', 'b'])
    expect(clients.partAt([1])).toEqual({ line: 7, column: 5 })
    const classes = values.get('contentClasses')!
    expect(classes.partAt([0, 'paths', 0])).toEqual({ line: 9, column: 45 })
    // What is missing is told at what it is missing in.
    expect(classes.partAt([0, 'hosts'])).toEqual({ line: 9, column: 22 })
  })

  it('is read as JSON.parse would', () => {
    const text = '{"contentClasses": [{"a": null, "b": -1.5e3, "__proto__": {"c": true}, "d": "\\u00e4\\n"}]}'
    expect(read(text).values.get('contentClasses')!.value).toEqual(JSON.parse(text).contentClasses)
  })

  it('may be commented, and stand behind a byte order mark', () => {
    const { values, problems } = read('\uFEFF// why\n{ /* the north */ "site": "north" // wing\n}')
    expect(problems).toEqual([])
    expect(values.get('site')).toMatchObject({ value: 'north', at: { line: 2, column: 27 } })
    expect(read('\uFEFF{"site": 1}').values.get('site')!.at.column).toBe(10)
  })
})

it.each([
  ['{\n  "site": "x",\n}', '3:1  not JSON: take away the comma before this }'],
  ['{"proxy": {"clients": ["x",]}}', '1:28  not JSON: take away the comma before this ]'],
  ['{ "site": "x"\n  "cache": {} }', '2:3  not JSON: a comma or a colon is missing before this'],
  ['{ "site" 7 }', '1:10  not JSON: a comma or a colon is missing before this'],
  ["{ 'site': 1 }", '1:3  not JSON: names and texts stand in double quotes, like "site": "north"'],
  ['{ site: 1 }', '1:3  not JSON: names and texts stand in double quotes, like "site": "north"'],
  ['{ "site": }', '1:11  not JSON: "}" is not expected here'],
  [
    Buffer.from('\uFEFF{ "site": "north" }', 'utf16le').toString(),
    '1:1  this is no UTF-8: save it as such (in PowerShell: Set-Content -Encoding utf8)'
  ],
  ['{ "site": "x"', '1:14  not JSON: the file ends too early; a " or } or ] is missing'],
  [' \n', '1:1  the file is empty; write { } or remove it'],
  ['[1]', '1:1  give an object { ... } as the whole'],
  ['{ "cache": 7 }', '1:12 cache give an object { ... }'],
  ['{ "site": "a",\n "site": "b" }', '2:2 site is given twice; keep one of the two'],
  ['{\n "cache": { "quota": 1 }, "__proto__": 2 }', '2:13 cache.quota what is cache.quota?']
])('in %j it is told where and what', (text, problem) => {
  expect(where(text)[0]).toBe(problem)
})

it('all names that are none are told at once', () => {
  expect(where('{ "a": 1, "cache": { "b": 2 }, "c": {} }').length).toBe(3)
})

it.each([
  ['cache.quotaByte', 'cache.quotaBytes'],
  ['cache.qoutaBytes', 'cache.quotaBytes'],
  ['CACHE.QUOTABYTES', 'cache.quotaBytes'],
  ['quotaBytes', 'cache.quotaBytes'],
  ['stie', 'site'],
  ['colour', null],
  ['x', null]
])('%s is taken for %s', (name, meant) => {
  expect(nearestName(name, paths)).toBe(meant)
})
