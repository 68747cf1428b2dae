/** A row of CustomAction with its place in the sequence, and what its numbers mean. */

export interface Action {
  readonly name: string
  readonly type: number
  readonly source: string
  readonly target: string
  readonly at: number
  readonly when: string
}

/** https://learn.microsoft.com/windows/win32/msi/summary-list-of-all-custom-action-types */
export const flag = {
  /** A program that is in the package itself, of table Binary. */
  packedProgram: 2,
  /** A program that is installed as a file. */
  installedProgram: 18,
  /** A command line, with a folder that it is run in. */
  commandIn: 34,
  setProperty: 51,
  continueOnFailure: 64,
  rollback: 256,
  /** Once all else has succeeded. */
  commit: 512,
  inScript: 1024,
  asSystem: 2048,
  /** The command line stays out of the log. */
  hideTarget: 8192
} as const

export type Flag = keyof typeof flag

/** In the script that Windows Installer works through, with the rights of SYSTEM. */
export const inScript = (...flags: readonly Flag[]): number =>
  (['inScript', 'asSystem', ...flags] as const).reduce((sum, it) => sum + flag[it], 0)

export function setProperty(
  property: string,
  value: string,
  place: { readonly at: number; readonly when: string }
): Action {
  return {
    name: `Set${property}`,
    type: flag.setProperty,
    source: property,
    target: value,
    ...place
  }
}
