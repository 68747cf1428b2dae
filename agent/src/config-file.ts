/**
 * The text of config.json, read so that every value knows its line and column. The parser is momoa, because JSON.parse
 * forgets where a value stood. Comments are allowed: a setting without its reason is what the next admin takes out. A comma too many is
 * not: other programs write this file as well, and few of them would read that.
 */
import { parse, type AnyNode, type MemberNode, type ObjectNode, type ValueNode } from '@humanwhocodes/momoa'
import { messageOf } from '@starling/shared/errors.ts'

/** Both from 1, as editors count. */
export interface Position {
  readonly line: number
  readonly column: number
}

/** A value of the file. */
export interface WrittenValue {
  readonly value: unknown
  readonly at: Position
  /** Where a part of it is, as zod names parts; the nearest there is for what is missing. */
  readonly partAt: (part: readonly PropertyKey[]) => Position
}

/** What stands in the file at a name that is no setting, or that is one more often than once. */
export interface FileProblem {
  readonly path: string
  readonly at: Position
  readonly kind: 'syntax' | 'no-object' | 'unknown' | 'twice'
  readonly message: string
}

export interface FileContent {
  readonly values: ReadonlyMap<string, WrittenValue>
  readonly problems: readonly FileProblem[]
}

/**
 * @param settings paths of what can be set (`cache.quotaBytes`)
 * @param unknown what to say of a name that is none
 */
export function readConfigText(
  text: string,
  settings: readonly string[],
  unknown: (path: string) => string
): FileContent {
  const values = new Map<string, WrittenValue>()
  const problems: FileProblem[] = []
  const known = new Set(settings)
  const isGroup = (path: string) => settings.some(one => one.startsWith(`${path}.`))

  const walk = (node: ValueNode, prefix: string): void => {
    if (node.type !== 'Object') {
      problems.push({
        path: prefix,
        at: positionOf(node),
        kind: 'no-object',
        message: `give an object { ... }${prefix === '' ? ' as the whole' : ''}`
      })
      return
    }
    const seen = new Set<string>()
    for (const member of node.members) {
      const name = nameOf(member)
      const path = prefix === '' ? name : `${prefix}.${name}`
      const at = positionOf(member.name)
      if (seen.has(name))
        problems.push({ path, at, kind: 'twice', message: 'is given twice; keep one of the two' })
      else if (known.has(path)) values.set(path, writtenAt(member.value))
      else if (isGroup(path)) walk(member.value, path)
      else problems.push({ path, at, kind: 'unknown', message: unknown(path) })
      seen.add(name)
    }
  }

  // Notepad likes to put a byte order mark first; JSON does not.
  const plain = text.replace(/^\uFEFF/, '')
  try {
    walk(parse(plain, { mode: 'jsonc' }).body, '')
  } catch (error) {
    problems.push(syntaxProblem(plain, error))
  }
  return { values, problems }
}

function writtenAt(node: ValueNode): WrittenValue {
  return { value: valueOf(node), at: positionOf(node), partAt: part => positionOf(partOf(node, part)) }
}

function partOf(node: ValueNode, part: readonly PropertyKey[]): AnyNode {
  const [step, ...deeper] = part
  if (step === undefined) return node
  const inner =
    node.type === 'Array'
      ? node.elements[Number(step)]?.value
      : node.type === 'Object'
        ? memberOf(node, String(step))?.value
        : undefined
  return inner === undefined ? node : partOf(inner, deeper)
}

const memberOf = (node: ObjectNode, name: string) => node.members.find(member => nameOf(member) === name)

const nameOf = ({ name }: MemberNode) => (name.type === 'String' ? name.value : name.name)

/** As JSON.parse would give it, `__proto__` included. */
function valueOf(node: ValueNode): unknown {
  switch (node.type) {
    case 'Object':
      return Object.fromEntries(node.members.map(member => [nameOf(member), valueOf(member.value)]))
    case 'Array':
      return node.elements.map(({ value }) => valueOf(value))
    case 'String':
    case 'Number':
    case 'Boolean':
      return node.value
    // The latter two are no JSON, and the parser says so.
    case 'Null':
    case 'NaN':
    case 'Infinity':
      return null
  }
}

const positionOf = ({ loc: { start } }: AnyNode): Position => ({ line: start.line, column: start.column })

/** The parser says where; why is for people who do not know what a token is. */
function syntaxProblem(text: string, error: unknown): FileProblem {
  const { line = 1, column = 1, offset = 0 } = error as { line?: number; column?: number; offset?: number }
  const at = { line, column }
  const problem = (message: string): FileProblem => ({ path: '', at, kind: 'syntax', message })
  if (text.trim() === '') return problem('the file is empty; write { } or remove it')
  // What PowerShell 5 writes by itself: UTF-16 has zeros in it, and is no UTF-8.
  if (/^\uFFFD|\0/.test(text))
    return problem('this is no UTF-8: save it as such (in PowerShell: Set-Content -Encoding utf8)')
  const found = text[offset] ?? ''
  const before = text.slice(0, offset).trimEnd()
  if ('}]'.includes(found) && before.endsWith(','))
    return problem(`not JSON: take away the comma before this ${found}`)
  if (messageOf(error).includes('end of input') || (offset === 0 && '{['.includes(found)))
    return problem('not JSON: the file ends too early; a " or } or ] is missing')
  if (/["}\]\w]$/.test(before) && /["{[\d]/.test(found))
    return problem('not JSON: a comma or a colon is missing before this')
  if (found === "'" || /[A-Za-z_$]/.test(found))
    return problem('not JSON: names and texts stand in double quotes, like "site": "north"')
  return problem(`not JSON: ${JSON.stringify(found)} is not expected here`)
}
