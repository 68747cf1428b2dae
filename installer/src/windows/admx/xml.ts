/**
 * As much of XML as Group Policy's files need: elements, attributes, text. Our own, because it is this little, and because the check of those files must read
 * what was written and not what was meant.
 */
export interface XmlElement {
  readonly name: string
  readonly attributes: Readonly<Record<string, string>>
  /** Elements, or one text. */
  readonly children: readonly XmlElement[]
  readonly text: string
}

type Attributes = Readonly<Record<string, string | number | boolean | undefined>>

export function element(
  name: string,
  attributes: Attributes,
  content: string | readonly XmlElement[] = []
): XmlElement {
  const given = Object.entries(attributes).filter(([, value]) => value !== undefined)
  return {
    name,
    attributes: Object.fromEntries(given.map(([key, value]) => [key, String(value)])),
    children: typeof content === 'string' ? [] : content,
    text: typeof content === 'string' ? content : ''
  }
}

/** With Windows' line ends: that is where these files are opened. */
export function xmlText(root: XmlElement): string {
  const lines = ['<?xml version="1.0" encoding="utf-8"?>', ...linesOf(root, '')]
  return `${lines.join('\n').replaceAll(/\r?\n/g, '\r\n')}\r\n`
}

function linesOf({ name, attributes, children, text }: XmlElement, indent: string): string[] {
  const head = [name, ...Object.entries(attributes).map(([key, value]) => `${key}="${escaped(value)}"`)].join(
    ' '
  )
  if (children.length > 0)
    return [
      `${indent}<${head}>`,
      ...children.flatMap(child => linesOf(child, `${indent}  `)),
      `${indent}</${name}>`
    ]
  return [text === '' ? `${indent}<${head}/>` : `${indent}<${head}>${escaped(text)}</${name}>`]
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
const escaped = (text: string): string => text.replaceAll(/[&<>"]/g, sign => entities[sign]!)
const unescaped = (text: string): string =>
  text.replaceAll(/&(amp|lt|gt|quot);/g, whole => Object.keys(entities).find(key => entities[key] === whole)!)

/** @throws Error for what is not well-formed, or more than this knows */
export function parseXml(text: string): XmlElement {
  const tags = /<(\/?)([\w:.-]+)((?:\s+[\w:.-]+="[^"<]*")*)\s*(\/?)>/g
  // Line ends are one to a parser (XML 1.0, 2.11).
  const body = text
    .replaceAll('\r\n', '\n')
    .replace(/^\uFEFF?\s*<\?xml[^>]*\?>/, '')
    .replaceAll(/<!--[\s\S]*?-->/g, '')
  const open: Array<{
    name: string
    attributes: Record<string, string>
    children: XmlElement[]
    text: string
  }> = [{ name: '', attributes: {}, children: [], text: '' }]
  let at = 0
  for (const [whole, end, name, inner, alone] of body.matchAll(tags)) {
    const tag = body.indexOf(whole, at)
    const between = body.slice(at, tag)
    if (/[<>]/.test(between) || /&(?!(amp|lt|gt|quot);)/.test(between + inner!))
      throw new Error(`not well-formed before ${whole}`)
    at = tag + whole.length
    const around = open.at(-1)!
    if (between.trim() !== '') around.text += unescaped(between)
    if (end === '/') {
      if (around.name !== name) throw new Error(`</${name}> ends <${around.name}>`)
      open.pop()
      continue
    }
    const given = [...inner!.matchAll(/([\w:.-]+)="([^"]*)"/g)].map(([, key, value]) => [
      key!,
      unescaped(value!)
    ])
    const next = { name: name!, attributes: Object.fromEntries(given), children: [], text: '' }
    around.children.push(next)
    if (alone !== '/') open.push(next)
  }
  if (open.length > 1) throw new Error(`<${open.at(-1)!.name}> does not end`)
  if (/\S/.test(body.slice(at)) || open[0]!.children.length !== 1)
    throw new Error('an XML file is one element and nothing behind it')
  return open[0]!.children[0]!
}

/** All that are called so, at any depth. */
export function elementsIn(root: XmlElement, name: string): readonly XmlElement[] {
  return root.children.flatMap(child => [...(child.name === name ? [child] : []), ...elementsIn(child, name)])
}
