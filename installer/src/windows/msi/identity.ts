/** Who the product is to Windows Installer, which versions it replaces, on which Windows it runs, and what it is told on the way. */
import { productCode } from './ids.ts'
import { manufacturer, type Product } from './product.ts'
import { localMachine } from './settings.ts'
import type { Tables } from './tables.ts'

/** msidbUpgradeAttributesMigrateFeatures, msidbUpgradeAttributesOnlyDetect */
const replace = 1
const onlyDetect = 2

/** Windows 10 1809 and Windows Server 2019. */
const windowsBuildMin = 17_763

export function identityTables(product: Product, version: string): Tables {
  return {
    Property: Object.entries(properties(product, version)).map(([Property, Value]) => ({ Property, Value })),
    Upgrade: [
      {
        UpgradeCode: product.upgradeCode,
        VersionMin: '0.0.0',
        VersionMax: version,
        Attributes: replace,
        ActionProperty: 'OLDERVERSION'
      },
      {
        UpgradeCode: product.upgradeCode,
        VersionMin: version,
        Attributes: onlyDetect,
        ActionProperty: 'NEWERVERSION'
      }
    ],
    AppSearch: [{ Property: 'WINDOWSBUILD', Signature_: 'WINDOWSBUILD' }],
    RegLocator: [
      {
        Signature_: 'WINDOWSBUILD',
        Root: localMachine,
        Key: 'SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion',
        Name: 'CurrentBuildNumber',
        Type: 2 + 16
      }
    ],
    LaunchCondition: [
      {
        Condition: 'NOT NEWERVERSION',
        Description: `A newer version of ${product.name} is installed already. To go back to this one, uninstall that one first: its cache stays.`
      },
      {
        Condition: `Installed OR (VersionNT64 AND WINDOWSBUILD >= ${windowsBuildMin})`,
        Description: `${product.name} needs Windows 10 1809, Windows Server 2019 or a newer one, of 64 bits.`
      },
      {
        Condition: 'Installed OR Privileged',
        Description: `${product.name} is installed for the whole machine: start the installation as an administrator.`
      },
      {
        // It has no value of ours before the costing. Elsewhere, others may have a right to write: what SYSTEM runs must not lie there.
        Condition: 'Installed OR NOT INSTALLDIR',
        Description: `${product.name} is installed in Program Files, where only administrators write: leave INSTALLDIR out. What takes room can lie elsewhere (see docs/DEPLOY.md).`
      }
    ]
  }
}

function properties(product: Product, version: string): Readonly<Record<string, string>> {
  const secret = product.hasTicket ? ['TICKET'] : []
  const given = [
    ...product.settings.map(it => it.property),
    ...product.settings.flatMap(it => it.madeOf ?? []),
    ...secret,
    ...product.clients.map(it => it.property),
    'REMOVECACHE'
  ]
  return {
    ProductName: product.name,
    ProductCode: productCode(product.upgradeCode, version),
    ProductVersion: version,
    ProductLanguage: '1033',
    UpgradeCode: product.upgradeCode,
    Manufacturer: manufacturer,
    ALLUSERS: '1',
    // An upgrade decides what is to be copied before the old version is taken away, and would leave out what is not newer.
    REINSTALLMODE: 'amus',
    ARPNOMODIFY: '1',
    // Our files are in use by our service alone, which is stopped anyway: nobody need be asked to close it.
    MSIRESTARTMANAGERCONTROL: 'Disable',
    // What is given goes through when an administrator is asked on the way (UAC). What a search finds is not in it: nobody is to give that.
    SecureCustomProperties: [...given, 'OLDERVERSION', 'NEWERVERSION'].join(';'),
    ...(secret.length === 0 ? {} : { MsiHiddenProperties: secret.join(';') })
  }
}

export function featureTables(product: Product, components: readonly string[]): Tables {
  return {
    Feature: [
      { Feature: 'Main', Title: product.name, Display: 1, Level: 1, Directory_: 'INSTALLDIR', Attributes: 0 }
    ],
    FeatureComponents: components.map(Component_ => ({ Feature_: 'Main', Component_ }))
  }
}
