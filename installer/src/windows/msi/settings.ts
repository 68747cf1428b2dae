/**
 * Properties that an admin gives once: written where the service reads its environment, and found there again at the next
 * upgrade. Windows Installer would let what it finds beat what the command line says, so it is found under another name first.
 */
import { setProperty, type Action } from './actions.ts'
import { guidIn } from './ids.ts'
import { environmentKey, productKey, type Product, type Setting } from './product.ts'
import type { Row, Tables } from './tables.ts'

/** HKEY_LOCAL_MACHINE */
export const localMachine = 2
/** msidbLocatorTypeRawValue, msidbLocatorType64bit */
const rawIn64bit = 2 + 16
/** msidbComponentAttributesRegistryKeyPath, msidbComponentAttributes64bit */
export const registryIn64bit = 4 + 256

export const foundName = (setting: Setting): string => `FOUND${setting.property}`

export function settingTables(product: Product): Tables {
  const { settings } = product
  return {
    AppSearch: settings.map(it => ({ Property: foundName(it), Signature_: foundName(it) })),
    RegLocator: settings.map(it => ({
      Signature_: foundName(it),
      Root: localMachine,
      Key: environmentKey(product),
      Name: it.variable,
      Type: rawIn64bit
    })),
    Component: settings.map((it): Row<'Component'> => ({
      Component: `C_${it.property}`,
      ComponentId: guidIn(product.upgradeCode, `setting ${it.property}`),
      Directory_: 'INSTALLDIR',
      Attributes: registryIn64bit,
      Condition: it.property,
      KeyPath: `R_${it.property}`
    })),
    Registry: settings.flatMap(it => {
      const value = { Root: localMachine, Value: `[${it.property}]`, Component_: `C_${it.property}` }
      const variable = {
        ...value,
        Registry: `R_${it.property}`,
        Key: environmentKey(product),
        Name: it.variable
      }
      if (it.hostValue === undefined) return [variable]
      return [
        variable,
        { ...value, Registry: `R_${it.hostValue}`, Key: productKey(product), Name: it.hostValue }
      ]
    })
  }
}

/** Right after the search, at 50. */
export function rememberActions(product: Product): readonly Action[] {
  return product.settings.map((it, index) =>
    setProperty(it.property, `[${foundName(it)}]`, {
      at: 51 + index,
      when: `NOT ${it.property} AND ${foundName(it)}`
    })
  )
}
