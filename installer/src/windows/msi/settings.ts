/**
 * Properties that an admin gives once: written where the service reads its environment, and found there again at the next
 * upgrade. Windows Installer would let what it finds beat what the command line says, so it is found under another name first.
 *
 * Any user may start a repair, with properties of his choice, and SYSTEM does it: so at a repair only what is remembered counts, and
 * somebody who may write there changes a setting in the registry. A first installation and an upgrade are an administrator's; a user can
 * start one only where an administrator has offered him the package (published or advertised, AlwaysInstallElevated), with his properties.
 */
import { setProperty, type Action } from './custom-action.ts'
import { guidIn } from './ids.ts'
import { environmentKey, productKey, type Product, type Setting } from './product.ts'
import type { Row, Tables } from './tables.ts'

/** HKEY_LOCAL_MACHINE */
export const localMachine = 2
/** msidbLocatorTypeRawValue, msidbLocatorType64bit */
export const rawIn64bit = 2 + 16
/** msidbComponentAttributesRegistryKeyPath, msidbComponentAttributes64bit */
export const registryIn64bit = 4 + 256

export const foundName = (setting: Setting): string => `FOUND${setting.property}`

/** Where a setting stands; in the first place it is found again. */
function placesOf(
  product: Product,
  { property, variable, hostValue }: Setting
): ReadonlyArray<{ readonly Registry: string; readonly Key: string; readonly Name: string }> {
  const places = [
    { Registry: `R_${property}`, Key: environmentKey(product), Name: variable },
    { Registry: `R_${property}_host`, Key: productKey(product), Name: hostValue }
  ]
  return places.flatMap(({ Name, ...place }) => (Name === null ? [] : [{ ...place, Name }]))
}

export function settingTables(product: Product): Tables {
  const { settings } = product
  return {
    AppSearch: settings.map(it => ({ Property: foundName(it), Signature_: foundName(it) })),
    RegLocator: settings.map(it => {
      const { Key, Name } = placesOf(product, it)[0]!
      return { Signature_: foundName(it), Root: localMachine, Key, Name, Type: rawIn64bit }
    }),
    Component: settings.map((it): Row<'Component'> => ({
      Component: `C_${it.property}`,
      ComponentId: guidIn(product.upgradeCode, `setting ${it.property}`),
      Directory_: 'INSTALLDIR',
      Attributes: registryIn64bit,
      Condition: it.property,
      KeyPath: placesOf(product, it)[0]!.Registry
    })),
    Registry: settings.flatMap(it =>
      placesOf(product, it).map(place => ({
        ...place,
        Root: localMachine,
        Value: `[${it.property}]`,
        Component_: `C_${it.property}`
      }))
    )
  }
}

const rememberedWhen = (it: Setting): string => {
  const given = [it.property, ...(it.madeOf ?? [])].map(property => `NOT ${property}`)
  return `Installed OR (${given.join(' AND ')} AND ${foundName(it)})`
}

/** Right after the search, at 50; and before the costing, at 800, which looks at the conditions of components. */
export function rememberActions(product: Product): readonly Action[] {
  const remembered = product.settings.map((it, index) =>
    setProperty(it.property, `[${foundName(it)}]`, {
      at: 51 + index,
      // With nothing found it is as if nothing had been given.
      when: rememberedWhen(it)
    })
  )
  const following = product.follows.map(({ property, value, when }, index) => ({
    ...setProperty(property, value, { at: 71 + index, when }),
    name: `Follow${index + 1}`
  }))
  return [...remembered, ...following]
}
