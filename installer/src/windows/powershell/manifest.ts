/**
 * The version in the module's manifest. It lies in a folder named for the version of the package, and PowerShell passes over a module whose
 * manifest says another one: so the build writes it, and the file that we keep is what one loads from the source tree.
 */
const line = /^(\s*ModuleVersion\s*=\s*)'[^'\r\n]*'/m

export function withModuleVersion(manifest: string, version: string): string {
  if (!line.test(manifest)) throw new Error('bug: the module manifest has no line ModuleVersion')
  return manifest.replace(line, `$1'${version}'`)
}
