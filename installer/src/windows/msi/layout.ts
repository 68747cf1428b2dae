/** Where things are once they are installed. */
import { shortNames, type Tree } from './files.ts'
import type { Product } from './product.ts'
import type { Tables } from './tables.ts'

/** What a package is made of, laid out as it will be. */
export interface Layout {
  /** Becomes `C:\Program Files\Starling`. */
  readonly programFolder: string
  /** Becomes `C:\Program Files\WindowsPowerShell\Modules`; null: the product has none. */
  readonly modulesFolder: string | null
}

export function treesOf({ programFolder, modulesFolder }: Layout): readonly Tree[] {
  return [
    { directory: 'INSTALLDIR', folder: programFolder },
    ...(modulesFolder === null ? [] : [{ directory: 'MODULESDIR', folder: modulesFolder }])
  ]
}

export function directoryTables(product: Product, layout: Layout): Tables {
  const inProgramFiles = shortNames()
  const modules = [
    {
      Directory: 'POWERSHELLDIR',
      Directory_Parent: 'ProgramFiles64Folder',
      DefaultDir: inProgramFiles('WindowsPowerShell')
    },
    { Directory: 'MODULESDIR', Directory_Parent: 'POWERSHELLDIR', DefaultDir: 'Modules' }
  ]
  return {
    Directory: [
      { Directory: 'TARGETDIR', DefaultDir: 'SourceDir' },
      { Directory: 'ProgramFiles64Folder', Directory_Parent: 'TARGETDIR', DefaultDir: '.' },
      { Directory: 'System64Folder', Directory_Parent: 'TARGETDIR', DefaultDir: '.' },
      {
        Directory: 'INSTALLDIR',
        Directory_Parent: 'ProgramFiles64Folder',
        DefaultDir: inProgramFiles(product.folder)
      },
      ...(layout.modulesFolder === null ? [] : modules)
    ]
  }
}
