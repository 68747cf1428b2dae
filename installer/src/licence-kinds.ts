/** Which licences may be in a package of ours, and the text of one that its package does not bring. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { StarlingError } from '@starling/shared/errors.ts'
import { house } from './house.ts'

/** All of them let us ship the code in a program under Apache-2.0, and ask for their text to go with it. */
const shippable: ReadonlySet<string> = new Set([
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'CC0-1.0',
  'ISC',
  'MIT',
  'Unlicense',
  'ZPL-2.1'
])

/** @param expression in SPDX's words; of a choice one kind is enough, of several at once all count. */
export function isShippable(expression: string): boolean {
  return choices(expression).some(choice => choice.split(' AND ').every(kind => shippable.has(kind)))
}

const choices = (expression: string): readonly string[] => expression.replaceAll(/[()]/g, '').split(' OR ')

/** For a package that says its licence but has no file with it. @throws StarlingError `licence` */
export async function licenceText(expression: string, holder: string, name: string): Promise<string> {
  const kinds = choices(expression)
  if (kinds.includes('Apache-2.0')) return readFile(join(house, 'LICENSE'), 'utf8')
  if (kinds.includes('MIT')) return mit(holder)
  throw new StarlingError(
    'licence',
    `${name} has no file with its licence ${expression}: add its text to installer/src/licence-kinds.ts`
  )
}

const mit = (holder: string): string => `MIT License

Copyright (c) ${holder}

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation
files (the "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy,
modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software
is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES
OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE
LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR
IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
`
