/**
 * Many rows as one parameter, to update or insert from: thousands of values would be more parameters than a statement may
 * have, and a statement each would take too long. They travel as JSON, which both databases take apart.
 */
import { sql, type AliasedRawBuilder } from 'kysely'
import type { DatabaseKind } from './database.ts'

type ColumnKind = 'text' | 'integer' | 'real'
const postgresTypes = { text: 'text', integer: 'bigint', real: 'double precision' } as const
const snakeCase = (name: string): string => name.replaceAll(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)

/** @param columns their names in camelCase, as in `rows`, and their types. @returns what stands after FROM, called `given`. */
export function givenRows<Row extends object>(
  kind: DatabaseKind,
  columns: { readonly [Name in keyof Row & string]: ColumnKind },
  rows: readonly Row[]
): AliasedRawBuilder<Row, 'given'> {
  const names = Object.keys(columns) as Array<keyof Row & string>
  const json = JSON.stringify(rows.map(row => names.map(name => storable(row[name]))))
  const parts = names.map((name, index) => {
    const as = sql.id(snakeCase(name))
    return kind === 'sqlite'
      ? sql`value ->> ${sql.lit(index)} AS ${as}`
      : sql`CAST(value ->> ${sql.lit(index)} AS ${sql.raw(postgresTypes[columns[name]])}) AS ${as}`
  })
  const each =
    kind === 'sqlite'
      ? sql`json_each(${json})`
      : sql`jsonb_array_elements(CAST(${json} AS jsonb)) AS each (value)`
  return sql<Row>`(SELECT ${sql.join(parts)} FROM ${each})`.as<'given'>(sql.ref('given'))
}

/** PostgreSQL takes neither NUL nor half a surrogate pair, and one such row would keep all the others from being written. */
export function storable(value: unknown): unknown {
  return typeof value === 'string' ? value.toWellFormed().replaceAll('\0', '\uFFFD') : value
}
