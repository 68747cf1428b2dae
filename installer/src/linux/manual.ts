/**
 * A manual page made of what a program says with --help, so that it knows every command and setting and none that is gone.
 * It has the program itself and `run`, the service; the other commands are for people at a terminal, who ask them.
 */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { house } from '../house.ts'
import type { LinuxPackage } from './packages.ts'

/** @param help what a command answers to --help, by its words: [] is the program itself */
export async function manualOf(
  about: Pick<LinuxPackage, 'name' | 'title'>,
  version: string,
  help: (words: readonly string[]) => Promise<string>
): Promise<string> {
  const pages = await Promise.all([[], ['run']].map(async words => ({ words, text: await help(words) })))
  return [
    `.TH ${about.name.toUpperCase()} 8 "" "${about.name} ${version}" "System administration"`,
    '.SH NAME',
    `${about.name} \\- ${about.title}`,
    ...pages.flatMap(({ words, text }) => [
      `.SH ${roff([about.name, ...words].join(' ').toUpperCase())}`,
      ...readHelp(text).flatMap(asRoff)
    ]),
    '.SH FILES',
    ...[
      [`/etc/default/${about.name}`, 'settings, as environment variables'],
      [`/var/lib/${about.name}`, 'keys, database and cache'],
      [`/usr/share/doc/${about.name}`, 'licences, changes, examples']
    ].flatMap(([file, what]) => ['.TP', `\\fB${file}\\fR`, what!]),
    ''
  ].join('\n')
}

/** Asks the sources, whatever machine the package is for. The folder is named, since the default depends on who asks. */
export function helpOf({ name, program, dataVariable }: LinuxPackage) {
  return async (words: readonly string[]): Promise<string> => {
    const main = join(house, program, 'src', 'main.ts')
    const data = `/var/lib/${name}`
    const home = '/home/of/nobody'
    const { stdout } = await promisify(execFile)(process.execPath, [main, ...words, '--help'], {
      env: { PATH: process.env['PATH'], HOME: home, [dataVariable]: data }
    })
    return stdout
  }
}

export type HelpPart =
  | { readonly kind: 'heading'; readonly text: string }
  | { readonly kind: 'term'; readonly text: string; readonly says: string }
  | { readonly kind: 'text'; readonly text: string }

/** Help is wrapped at 80 columns; its parts come whole. */
export function readHelp(help: string): readonly HelpPart[] {
  const parts: HelpPart[] = []
  let open = false
  for (const line of help.split('\n')) {
    const last = parts.at(-1)
    const [, title] = /^([A-Z][\w ]*):$/.exec(line) ?? []
    const [, term, says] = /^ {2}(\S.*?)(?: {2,}(\S.*))?$/.exec(line) ?? []
    if (title !== undefined) parts.push({ kind: 'heading', text: title })
    else if (term !== undefined) parts.push({ kind: 'term', text: term, says: says ?? '' })
    else if (line.trim() !== '') {
      const more = line.trim()
      if (line.startsWith('   ') && last?.kind === 'term')
        parts[parts.length - 1] = { ...last, says: `${last.says} ${more}`.trim() }
      else if (open && last?.kind === 'text')
        parts[parts.length - 1] = { ...last, text: `${last.text} ${more}` }
      else parts.push({ kind: 'text', text: more })
    }
    open = line.trim() !== ''
  }
  return parts
}

function asRoff(part: HelpPart): readonly string[] {
  switch (part.kind) {
    case 'heading':
      return [`.SS ${roff(part.text)}`]
    case 'term':
      return ['.TP', `\\fB${roff(part.text)}\\fR`, roff(part.says)]
    case 'text':
      return ['.PP', roff(part.text)]
  }
}

function roff(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/, '\\&$1')
}
