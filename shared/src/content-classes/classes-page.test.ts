/** docs/CLASSES.md says what the data says. When this fails, put the table or the example of the failure into the page. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { contentClassesSchema } from './class-schema.ts'
import { classesWith, genericClass } from './classes.ts'
import type { ContentClass } from './content-class.ts'
import { recognise } from './recognise.ts'

const page = readFileSync(new URL('../../../docs/CLASSES.md', import.meta.url), 'utf8')

const code = (words: readonly string[]): string => words.map(word => `\`${word}\``).join(' ')

function rowOf(rule: ContentClass): string[] {
  const { id, hosts, paths, extensions, key, keyHost, volatileQuery = [], minBytes } = rule
  const address = [
    keyHost === undefined ? 'address' : `address, with \`${keyHost}\` as host`,
    ...(volatileQuery.includes('*') ? ['without query'] : []),
    ...(volatileQuery.length > 0 && !volatileQuery.includes('*') ? [`without ${code(volatileQuery)}`] : [])
  ]
  const shared =
    rule.neverShared !== undefined
      ? `no: ${rule.neverShared}`
      : `${rule.immutable === true ? 'never changes' : "by HTTP's rules"}${minBytes === undefined ? '' : `, from ${minBytes / 1024} KiB`}`
  return [
    code([id]),
    code(hosts),
    extensions === undefined ? code(paths) : `${code(paths)} ending in ${extensions.join(', ')}`,
    key === 'digest' ? 'the digest' : address.join(', '),
    shared,
    rule.cacheHost === true ? 'yes' : 'no'
  ]
}

test('the table is the one of the data, in the order in which they are asked', () => {
  const head = ['Class', 'Hosts', 'Paths', 'Key', 'Shared', 'Cache host']
  const rows = [head, head.map(() => '---'), ...[...classesWith([]), genericClass].map(rowOf)]
  const lines = page.split('\n').filter(line => line.startsWith('|'))
  // The formatter pads cells as it likes.
  const told = lines.map(line => line.replaceAll(/ *\| */g, '|').replaceAll(/-{3,}/g, '---'))
  expect(told.join('\n')).toBe(rows.map(cells => `|${cells.join('|')}|`).join('\n'))
})

test('the example of a class of your own is one, and does what the page says', () => {
  const example = /```json\n([^`]*)```/.exec(page)?.[1] ?? ''
  const { contentClasses } = JSON.parse(example) as { contentClasses: unknown }
  const classes = contentClassesSchema.parse(contentClasses)
  const hex = 'ab'.repeat(32)
  const one = recognise(`https://eu.models.example/blobs/${hex}?token=1`, classes)
  expect(one).toMatchObject({ key: `sha256:${hex}`, promised: { algorithm: 'sha256', hex } })
  expect(recognise('https://us.models.example/files/weights.bin?token=1', classes).key).toBe(
    'https://models.example/files/weights.bin'
  )
})
