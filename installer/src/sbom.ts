/** The software bill of materials of a package (CycloneDX, JSON): the same input gives the same bytes, so no clock and no dice. */
import { Enums, Models, Serialize, Spec } from '@cyclonedx/cyclonedx-library'
import { guidIn } from './windows/msi/ids.ts'
import type { Part } from './third-party.ts'

/** The space in which a package's file name becomes its serial number. */
const serials = '{0D5F5F0C-6B1F-4B0E-9F62-0B5C2A9C2E11}'

export function sbomOf(
  name: string,
  version: string,
  fileName: string,
  sha256: string,
  parts: readonly Part[]
): string {
  const own = new Models.Component(Enums.ComponentType.Application, name, {
    version,
    bomRef: `${name}@${version}`,
    licenses: new Models.LicenseRepository([new Models.SpdxLicense('Apache-2.0')]),
    hashes: new Models.HashDictionary([[Enums.HashAlgorithm['SHA-256'], sha256]])
  })
  const components = parts.map(
    part =>
      new Models.Component(typeOf[part.kind], part.name, {
        version: part.version,
        bomRef: part.purl ?? `${part.name}@${part.version}`,
        licenses: new Models.LicenseRepository([new Models.LicenseExpression(part.licence)]),
        ...(part.purl === null ? {} : { purl: part.purl })
      })
  )
  for (const component of components) own.dependencies.add(component.bomRef)
  const bom = new Models.Bom({
    metadata: new Models.Metadata({ component: own }),
    components: new Models.ComponentRepository(components),
    serialNumber: `urn:uuid:${guidIn(serials, `${fileName} ${sha256}`).slice(1, -1).toLowerCase()}`
  })
  const factory = new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6)
  return `${new Serialize.JsonSerializer(factory).serialize(bom, { sortLists: true, space: 2 })}\n`
}

const typeOf = {
  library: Enums.ComponentType.Library,
  platform: Enums.ComponentType.Platform
} as const
