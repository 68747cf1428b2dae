/**
 * The tables of an MSI that we fill. A row is written as an object, so that it reads by itself and the compiler knows which
 * columns must not be missing.
 *
 * Why no WiX source: Debian's compiler for it (wixl 0.101) stops at what we need (conditions of components, PATH, removal of
 * folders) and quietly drops or mixes up the rest (rollback actions, their places, hidden properties, 8.3 names), so half of
 * each table would be corrected afterwards. Written as they are, all of them follow Microsoft's reference
 * (https://learn.microsoft.com/windows/win32/msi/database-tables) and there is one place to look.
 */

/** Name, type as in an .idt file (s: text, l: text for people, i: integer, v: stream, as the key of a packed file; a capital: may be empty; then its size). */
type Columns = Readonly<Record<string, string>>

interface Shape {
  /** So many columns, from the first on, name a row. */
  readonly keys: number
  readonly columns: Columns
}

const sequence = { keys: 1, columns: { Action: 's72', Condition: 'S255', Sequence: 'I2' } } as const

export const shapes = {
  AdminExecuteSequence: sequence,
  AdvtExecuteSequence: sequence,
  AppSearch: { keys: 2, columns: { Property: 's72', Signature_: 's72' } },
  Binary: { keys: 1, columns: { Name: 's72', Data: 'v0' } },
  Component: {
    keys: 1,
    columns: {
      Component: 's72',
      ComponentId: 'S38',
      Directory_: 's72',
      Attributes: 'i2',
      Condition: 'S255',
      KeyPath: 'S72'
    }
  },
  CustomAction: {
    keys: 1,
    columns: { Action: 's72', Type: 'i2', Source: 'S72', Target: 'S255', ExtendedType: 'I4' }
  },
  Directory: { keys: 1, columns: { Directory: 's72', Directory_Parent: 'S72', DefaultDir: 'l255' } },
  DrLocator: { keys: 3, columns: { Signature_: 's72', Parent: 'S72', Path: 'S255', Depth: 'I2' } },
  Environment: { keys: 1, columns: { Environment: 's72', Name: 'l255', Value: 'L255', Component_: 's72' } },
  Feature: {
    keys: 1,
    columns: {
      Feature: 's38',
      Feature_Parent: 'S38',
      Title: 'L64',
      Description: 'L255',
      Display: 'I2',
      Level: 'i2',
      Directory_: 'S72',
      Attributes: 'i2'
    }
  },
  FeatureComponents: { keys: 2, columns: { Feature_: 's38', Component_: 's72' } },
  File: {
    keys: 1,
    columns: {
      File: 's72',
      Component_: 's72',
      FileName: 'l255',
      FileSize: 'i4',
      Version: 'S72',
      Language: 'S20',
      Attributes: 'I2',
      Sequence: 'i4'
    }
  },
  InstallExecuteSequence: sequence,
  InstallUISequence: sequence,
  LaunchCondition: { keys: 1, columns: { Condition: 's255', Description: 'l255' } },
  Media: {
    keys: 1,
    columns: {
      DiskId: 'i2',
      LastSequence: 'i4',
      DiskPrompt: 'L64',
      Cabinet: 'S255',
      VolumeLabel: 'S32',
      Source: 'S72'
    }
  },
  Property: { keys: 1, columns: { Property: 's72', Value: 'l0' } },
  RegLocator: {
    keys: 1,
    columns: { Signature_: 's72', Root: 'i2', Key: 's255', Name: 'S255', Type: 'I2' }
  },
  Registry: {
    keys: 1,
    columns: { Registry: 's72', Root: 'i2', Key: 'l255', Name: 'L255', Value: 'L0', Component_: 's72' }
  },
  ServiceControl: {
    keys: 1,
    columns: {
      ServiceControl: 's72',
      Name: 'l255',
      Event: 'i2',
      Arguments: 'L255',
      Wait: 'I2',
      Component_: 's72'
    }
  },
  ServiceInstall: {
    keys: 1,
    columns: {
      ServiceInstall: 's72',
      Name: 's255',
      DisplayName: 'L255',
      ServiceType: 'i4',
      StartType: 'i4',
      ErrorControl: 'i4',
      LoadOrderGroup: 'S255',
      Dependencies: 'S255',
      StartName: 'S255',
      Password: 'S255',
      Arguments: 'S255',
      Component_: 's72',
      Description: 'L255'
    }
  },
  Upgrade: {
    keys: 5,
    columns: {
      UpgradeCode: 's38',
      VersionMin: 'S20',
      VersionMax: 'S20',
      Language: 'S255',
      Attributes: 'i4',
      Remove: 'S255',
      ActionProperty: 's72'
    }
  }
} as const satisfies Readonly<Record<string, Shape>>

export type TableName = keyof typeof shapes

type Cell<Type> = Type extends `${'i' | 'I'}${string}` ? number : string
type Needed<C extends Columns> = {
  [Name in keyof C]: C[Name] extends `${'s' | 'i' | 'l' | 'v'}${string}` ? Name : never
}[keyof C]

export type Row<Table extends TableName> = {
  readonly [Name in Needed<(typeof shapes)[Table]['columns']>]: Cell<(typeof shapes)[Table]['columns'][Name]>
} & {
  readonly [Name in keyof (typeof shapes)[Table]['columns']]?:
    | Cell<(typeof shapes)[Table]['columns'][Name]>
    | undefined
}

/** What one part of an installation adds to each table. */
export type Tables = { readonly [Table in TableName]?: ReadonlyArray<Row<Table>> }

/** One database out of its parts. */
export function joinTables(parts: readonly Tables[]): Tables {
  const all: Partial<Record<TableName, ReadonlyArray<Row<TableName>>>> = {}
  for (const part of parts) {
    for (const [name, rows] of Object.entries(part) as Array<[TableName, ReadonlyArray<Row<TableName>>]>)
      all[name] = [...(all[name] ?? []), ...rows]
  }
  return all as Tables
}

/**
 * A table in the text form that `msibuild -i` takes, with rows in the order of their keys, so that it does not matter who said
 * what first.
 * @throws Error when two rows have one key, or a text cannot be written in this form
 */
export function tableText(name: TableName, rows: ReadonlyArray<Row<TableName>>): string {
  const { keys, columns }: Shape = shapes[name]
  const names = Object.keys(columns)
  const lines = rows.map(row => {
    const cells = row as Readonly<Record<string, string | number | undefined>>
    return names.map(column => {
      const text = String(cells[column] ?? '')
      if (/[\t\r\n]/.test(text)) throw new Error(`${name}.${column} cannot hold tabs or line ends: ${text}`)
      return text
    })
  })
  const keyOf = (line: readonly string[]): string => line.slice(0, keys).join('\t')
  const sorted = lines.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
  const twice = sorted.find((line, index) => index > 0 && keyOf(line) === keyOf(sorted[index - 1]!))
  if (twice !== undefined) throw new Error(`two rows of ${name} are called ${keyOf(twice)}`)
  return [names, Object.values(columns), [name, ...names.slice(0, keys)], ...sorted]
    .map(line => `${line.join('\t')}\r\n`)
    .join('')
}
