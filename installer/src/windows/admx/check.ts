/**
 * What the Group Policy editor would refuse or show empty, found without Windows: order of elements, references, texts that are missing or not used, controls that
 * cannot show what they are for, numbers that no DWORD holds, keys that would stay behind when a policy is taken back.
 */
import { messageOf } from '@starling/shared/errors.ts'
import { elementsIn, parseXml, type XmlElement } from './xml.ts'

const namespace = 'http://schemas.microsoft.com/GroupPolicy/2006/07/PolicyDefinitions'
/** [MS-GPREG] and the ADMX schema: what may stand in what, in this order. */
const rootOrder = [
  'policyNamespaces',
  'supersededAdm',
  'annotation',
  'resources',
  'supportedOn',
  'categories',
  'policies'
]
const policyOrder = [
  'annotation',
  'parentCategory',
  'seeAlso',
  'keywords',
  'supportedOn',
  'enabledValue',
  'disabledValue',
  'enabledList',
  'disabledList',
  'elements'
]
const resourcesOrder = ['stringTable', 'presentationTable']
const admlOrder = ['displayName', 'description', 'annotation', 'resources']
/** Which controls can show which element. */
const controls: Readonly<Record<string, readonly string[]>> = {
  boolean: ['checkBox'],
  decimal: ['decimalTextBox'],
  longDecimal: ['longDecimalTextBox'],
  text: ['textBox', 'comboBox'],
  multiText: ['multiTextBox'],
  enum: ['dropdownList'],
  list: ['listBox']
}
const dwordMax = 4_294_967_295
const fallbackLanguage = 'en-US'

/** @param files by path below `PolicyDefinitions` @returns sentences; none: an editor takes them */
export function definitionProblems(files: ReadonlyMap<string, string>): readonly string[] {
  const problems: string[] = []
  const trees = new Map<string, XmlElement>()
  for (const [path, text] of files) {
    try {
      trees.set(path, parseXml(text))
    } catch (error) {
      problems.push(`${path}: ${messageOf(error)}`)
    }
  }
  for (const [path, root] of trees) {
    if (!path.endsWith('.admx')) continue
    const name = path.slice(0, -'.admx'.length)
    const languages = [...trees].filter(([other]) => other.endsWith(`/${name}.adml`))
    if (!languages.some(([other]) => other === `${fallbackLanguage}/${name}.adml`))
      problems.push(
        `${path}: there is no ${fallbackLanguage}/${name}.adml, which is shown where a language has none`
      )
    problems.push(...admxProblems(root).map(problem => `${path}: ${problem}`))
    for (const [other, texts] of languages)
      problems.push(...admlProblems(root, texts).map(problem => `${other}: ${problem}`))
  }
  return problems
}

function admxProblems(root: XmlElement): string[] {
  const problems = [
    ...headProblems(root, 'policyDefinitions'),
    ...orderProblems('policyDefinitions', root, rootOrder)
  ]
  const namesOf = (kind: string) => new Set(elementsIn(root, kind).map(one => one.attributes['name'] ?? ''))
  const known = { parentCategory: namesOf('category'), supportedOn: namesOf('definition') }
  const policies = elementsIn(root, 'policy')
  problems.push(
    ...twice(
      'policy',
      policies.map(one => one.attributes['name'] ?? '')
    )
  )
  problems.push(
    ...twice(
      'registry value',
      policies.flatMap(policy =>
        [policy, ...elementsOf(policy)]
          .map(one => one.attributes['valueName'])
          .filter(value => value !== undefined)
          .map(value => `${policy.attributes['key']}\\${value}`.toLowerCase())
      )
    )
  )
  for (const category of elementsIn(root, 'category')) problems.push(...referenceProblems(category, known))
  for (const policy of policies)
    problems.push(...policyProblems(policy, known).map(text => `${policy.attributes['name']}: ${text}`))
  return problems
}

type Known = Readonly<Record<'parentCategory' | 'supportedOn', ReadonlySet<string>>>

function policyProblems(policy: XmlElement, known: Known): string[] {
  const { name = '', key = '', valueName, presentation, class: whose = '' } = policy.attributes
  const problems = [...orderProblems('policy', policy, policyOrder), ...referenceProblems(policy, known)]
  const say = (isWrong: boolean, text: string): void => void (isWrong && problems.push(text))
  say(!/^\w+$/.test(name), 'its name may hold letters, digits and underscores only')
  say(!['Machine', 'User', 'Both'].includes(whose), `class ${whose} is none`)
  say(
    !/^software\\policies\\[^\\].*[^\\]$/i.test(key),
    `${key} is not below SOFTWARE\\Policies: it would stay when the policy goes`
  )
  for (const attribute of ['displayName', 'explainText'])
    say(!/^\$\(string\.\w+\)$/.test(policy.attributes[attribute] ?? ''), `${attribute} names no text`)
  for (const needed of ['parentCategory', 'supportedOn'])
    say(!policy.children.some(child => child.name === needed), `has no ${needed}`)
  const elements = elementsOf(policy)
  say(
    elements.length === 0 && valueName === undefined,
    'writes nothing: it has neither valueName nor elements'
  )
  say(elements.length > 0 !== (presentation !== undefined), 'elements and presentation go together')
  problems.push(
    ...twice(
      'element',
      elements.map(one => one.attributes['id'] ?? '')
    )
  )
  for (const one of elements) problems.push(...elementProblems(one))
  return problems
}

function elementProblems(one: XmlElement): string[] {
  const { id = '', valueName } = one.attributes
  const problems: string[] = []
  if (controls[one.name] === undefined) problems.push(`${id}: there is no element ${one.name}`)
  if (one.name !== 'list' && valueName === undefined) problems.push(`${id} has no valueName`)
  const [min, max] = [one.attributes['minValue'] ?? 0, one.attributes['maxValue'] ?? 9999].map(Number)
  if (one.name === 'decimal' && !(isDword(min) && isDword(max) && min! <= max!))
    problems.push(`${id}: ${min} to ${max} is no range of a DWORD`)
  for (const decimal of elementsIn(one, 'decimal'))
    if (!isDword(Number(decimal.attributes['value'])))
      problems.push(`${id}: ${decimal.attributes['value']} is no DWORD`)
  if (one.name === 'enum' && one.children.length === 0) problems.push(`${id} offers nothing`)
  return problems
}

const isDword = (value: number | undefined): boolean =>
  value !== undefined && Number.isInteger(value) && value >= 0 && value <= dwordMax

function admlProblems(admx: XmlElement, root: XmlElement): string[] {
  const problems = [
    ...headProblems(root, 'policyDefinitionResources'),
    ...orderProblems('policyDefinitionResources', root, admlOrder),
    ...elementsIn(root, 'resources').flatMap(one => orderProblems('resources', one, resourcesOrder))
  ]
  const strings = elementsIn(root, 'string')
  const ids = strings.map(one => one.attributes['id'] ?? '')
  const used = new Set([...attributesIn(admx)].flatMap(text => /^\$\(string\.(\w+)\)$/.exec(text)?.[1] ?? []))
  problems.push(...twice('text', ids))
  for (const id of used) if (!ids.includes(id)) problems.push(`the text ${id} is missing`)
  for (const id of ids) if (!used.has(id)) problems.push(`nothing shows the text ${id}`)
  for (const one of strings)
    if (one.text.trim() === '') problems.push(`the text ${one.attributes['id']} is empty`)

  const presentations = elementsIn(root, 'presentation')
  problems.push(
    ...twice(
      'presentation',
      presentations.map(one => one.attributes['id'] ?? '')
    )
  )
  const named = new Set<string>()
  for (const policy of elementsIn(admx, 'policy')) {
    const id = /^\$\(presentation\.(\w+)\)$/.exec(policy.attributes['presentation'] ?? '')?.[1]
    if (id === undefined) continue
    named.add(id)
    const shown = presentations.find(one => one.attributes['id'] === id)
    if (shown === undefined) problems.push(`the presentation ${id} is missing`)
    else problems.push(...pairProblems(policy, shown).map(text => `${policy.attributes['name']}: ${text}`))
  }
  for (const { attributes } of presentations)
    if (!named.has(attributes['id'] ?? '')) problems.push(`nothing uses the presentation ${attributes['id']}`)
  return problems
}

function pairProblems(policy: XmlElement, presentation: XmlElement): string[] {
  const problems: string[] = []
  const elements = elementsOf(policy)
  const shown = presentation.children.filter(({ name }) => name !== 'text')
  for (const control of shown) {
    const { refId = '', defaultValue, defaultItem } = control.attributes
    const one = elements.find(({ attributes }) => attributes['id'] === refId)
    if (one === undefined) problems.push(`${control.name} shows ${refId}, which is no element`)
    else if (!(controls[one.name] ?? []).includes(control.name))
      problems.push(`${control.name} cannot show ${refId}, which is ${one.name}`)
    else if (one.name === 'decimal' && !isInRange(one, defaultValue ?? '1'))
      problems.push(`${refId} is filled in with ${defaultValue}, which it does not take`)
    else if (
      one.name === 'enum' &&
      defaultItem !== undefined &&
      one.children[Number(defaultItem)] === undefined
    )
      problems.push(`${refId} is filled in with item ${defaultItem}, which is not there`)
  }
  for (const { attributes } of elements)
    if (!shown.some(control => control.attributes['refId'] === attributes['id']))
      problems.push(`${attributes['id']} is not shown`)
  return problems
}

function isInRange({ attributes }: XmlElement, text: string): boolean {
  const value = Number(text)
  return (
    isDword(value) &&
    value >= Number(attributes['minValue'] ?? 0) &&
    value <= Number(attributes['maxValue'] ?? 9999)
  )
}

function headProblems({ name, attributes }: XmlElement, expected: string): string[] {
  const isVersion = (text = '') => /^\d+\.\d+$/.test(text)
  return [
    ...(name === expected && attributes['xmlns'] === namespace
      ? []
      : [`is no ${expected} in Microsoft's namespace`]),
    ...['revision', 'schemaVersion'].flatMap(one =>
      isVersion(attributes[one]) ? [] : [`${one} is no version`]
    )
  ]
}

function orderProblems(where: string, { children }: XmlElement, order: readonly string[]): string[] {
  const ranks = children.map(({ name }) => order.indexOf(name))
  const unknown = children
    .filter(({ name }) => !order.includes(name))
    .map(({ name }) => `${where} has no ${name}`)
  const isSorted = ranks.every((rank, index) => index === 0 || rank >= ranks[index - 1]!)
  return [
    ...unknown,
    ...(isSorted ? [] : [`${where}: wrong order, ${children.map(({ name }) => name).join(', ')}`])
  ]
}

function referenceProblems({ name, attributes, children }: XmlElement, known: Known): string[] {
  return children.flatMap(child => {
    const names = known[child.name as keyof Known] as ReadonlySet<string> | undefined
    const ref = child.attributes['ref'] ?? ''
    return names === undefined || names.has(ref)
      ? []
      : [`${name} ${attributes['name']}: ${child.name} ${ref} is not there`]
  })
}

function twice(what: string, names: readonly string[]): string[] {
  return [...new Set(names.filter((name, index) => names.indexOf(name) !== index))].map(
    name => `${what} ${name} is there twice`
  )
}

const elementsOf = (policy: XmlElement): readonly XmlElement[] =>
  policy.children.find(({ name }) => name === 'elements')?.children ?? []

function* attributesIn({ attributes, children }: XmlElement): Iterable<string> {
  yield* Object.values(attributes)
  for (const child of children) yield* attributesIn(child)
}
