/** What an installation leaves on the machine beside files: a service, a few values, a word on the PATH. */
import { guidIn } from './ids.ts'
import { productKey, type Product } from './product.ts'
import { localMachine, registryIn64bit } from './settings.ts'
import type { Row, Tables } from './tables.ts'

/** SERVICE_WIN32_OWN_PROCESS, SERVICE_AUTO_START */
const ownProcess = 16
const automatic = 2
/** SERVICE_ERROR_NORMAL, msidbServiceInstallErrorControlVital: a service that cannot be made is a failed installation. */
const vital = 1 + 0x8000
/** msidbServiceControlEvent: Start, Stop; at the removal Stop, Delete */
const startStopDelete = 0x1 + 0x2 + 0x20 + 0x80

/** The service hangs on the component of the file that it runs, so it is made and removed with it. */
export function serviceTables(product: Product): Tables {
  const { name, displayName } = product.service
  const component = 'C_INSTALLDIR'
  return {
    ServiceInstall: [
      {
        ServiceInstall: 'Service',
        Name: name,
        DisplayName: displayName,
        ServiceType: ownProcess,
        StartType: automatic,
        ErrorControl: vital,
        Dependencies: 'Tcpip[~][~]',
        // Of its own, without a password, and with no rights beyond those of every service.
        StartName: `NT SERVICE\\${name}`,
        Arguments: 'service',
        Component_: component,
        Description: product.description
      }
    ],
    ServiceControl: [
      { ServiceControl: 'Service', Name: name, Event: startStopDelete, Wait: 1, Component_: component }
    ]
  }
}

export function registryTables(product: Product, hostFile: string): Tables {
  const own = productKey(product)
  const source = `SYSTEM\\CurrentControlSet\\Services\\EventLog\\Application\\${product.service.name}`
  const values: ReadonlyArray<readonly [id: string, key: string, name: string, value: string]> = [
    ['Version', own, 'Version', '[ProductVersion]'],
    ['InstallDir', own, 'InstallDir', '[INSTALLDIR]'],
    // #% and # are how the Registry table says that a value is expandable and that it is a number.
    ['EventMessages', source, 'EventMessageFile', `#%[INSTALLDIR]${hostFile}`],
    ['EventTypes', source, 'TypesSupported', '#7']
  ]
  return {
    Component: [ownComponent(product, 'Registry', 'R_Version')],
    Registry: values.map(([id, Key, Name, Value]) => ({
      Registry: `R_${id}`,
      Root: localMachine,
      Key,
      Name,
      Value,
      Component_: 'C_Registry'
    }))
  }
}

/** `starling` in a new console; =, - and * say: set it, take it back at the removal, for the whole machine. */
export function pathTables(): Tables {
  return {
    Environment: [
      { Environment: 'Path', Name: '=-*PATH', Value: '[~];[INSTALLDIR]', Component_: 'C_Registry' }
    ]
  }
}

function ownComponent(product: Product, name: string, keyPath: string): Row<'Component'> {
  return {
    Component: `C_${name}`,
    ComponentId: guidIn(product.upgradeCode, `component ${name}`),
    Directory_: 'INSTALLDIR',
    Attributes: registryIn64bit,
    KeyPath: keyPath
  }
}
