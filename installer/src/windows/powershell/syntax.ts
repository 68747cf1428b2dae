/**
 * PowerShell without PowerShell: there is none for Debian in the places where we get our tools, so scripts are read with tree-sitter's grammar. That finds what does not
 * parse, and gives the tests a tree to look into; what a command does, only a Windows can show.
 */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { Language, Parser, type Node } from 'web-tree-sitter'

export type { Node } from 'web-tree-sitter'

export interface ScriptReader {
  parse(text: string): Node
}

export async function openScriptReader(): Promise<ScriptReader> {
  const grammar = fileURLToPath(
    import.meta.resolve('@vscode/tree-sitter-wasm/wasm/tree-sitter-powershell.wasm')
  )
  await Parser.init()
  const parser = new Parser()
  parser.setLanguage(await Language.load(await readFile(grammar)))
  return {
    parse(text) {
      const tree = parser.parse(text)
      if (tree === null) throw new Error('the parser was given no language')
      return tree.rootNode
    }
  }
}

/** `12:5 cannot be read: ...`; none: it is PowerShell. */
export function syntaxProblems(root: Node): string[] {
  return nodesIn(root).flatMap(node => {
    const at = `${node.startPosition.row + 1}:${node.startPosition.column + 1}`
    if (node.isMissing) return [`${at} ${node.type} is missing`]
    return node.isError ? [`${at} cannot be read: ${node.text.slice(0, 60)}`] : []
  })
}

/** @param type absent: all of them, from the top */
export function nodesIn(root: Node, type?: string): Node[] {
  const inside = root.children.flatMap(child => nodesIn(child, type))
  return type === undefined || root.type === type ? [root, ...inside] : inside
}
