/**
 * What an installation does beside copying: commands of the service host, run as SYSTEM while Windows Installer works through its
 * script, each with a place in the sequence and, where it leaves something behind, with one that takes it back when a later step
 * fails.
 */
import { productKey, type Product } from './product.ts'
import type { Tables } from './tables.ts'

export interface Action {
  readonly name: string
  readonly type: number
  readonly source: string
  readonly target: string
  readonly at: number
  readonly when: string
}

/** https://learn.microsoft.com/windows/win32/msi/summary-list-of-all-custom-action-types */
const flag = {
  /** A program that is installed as a file. */
  installedProgram: 18,
  /** A command line, with a folder that it is run in. */
  commandIn: 34,
  setProperty: 51,
  continueOnFailure: 64,
  rollback: 256,
  inScript: 1024,
  asSystem: 2048,
  /** The command line stays out of the log. */
  hideTarget: 8192
} as const

/** Says of a state of the machine, in the words of Windows Installer. */
export const when = {
  /** Also for a repair. */
  install: 'NOT REMOVE',
  /** Nothing of us was here, so taking back means to leave nothing. */
  firstInstall: 'NOT Installed AND NOT OLDERVERSION AND NOT REMOVE',
  /** Not when a new version takes the old one away: what belongs to the machine stays then. */
  removal: 'REMOVE="ALL" AND NOT UPGRADINGPRODUCTCODE'
} as const

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

/** @param hostKey the File row of the service host */
export function productActions(product: Product, hostKey: string): readonly Action[] {
  const host = (
    name: string,
    command: string,
    place: { readonly at: number; readonly when: string },
    ...flags: ReadonlyArray<keyof typeof flag>
  ): Action => ({
    name,
    type: [flag.installedProgram, flag.inScript, flag.asSystem, ...flags.map(it => flag[it])].reduce<number>(
      (sum, it) => sum + it,
      0
    ),
    source: hostKey,
    target: command,
    ...place
  })
  return [
    setProperty('ARPINSTALLLOCATION', '[INSTALLDIR]', { at: 1001, when: when.install }),

    // Leaving, with the program still there: first its clients go back to what they had, last the data goes.
    ...(product.clients.length === 0
      ? []
      : [
          host(
            'UndoClients',
            'cli configure --undo all',
            { at: 1890, when: when.removal },
            'continueOnFailure'
          )
        ]),
    host('CloseFirewall', 'firewall remove', { at: 2040, when: when.removal }, 'continueOnFailure'),
    host('Purge', 'purge', { at: 2050, when: `${when.removal} AND NOT REMOVECACHE` }, 'continueOnFailure'),
    host(
      'PurgeAll',
      'purge cache',
      { at: 2051, when: `${when.removal} AND REMOVECACHE` },
      'continueOnFailure'
    ),
    // What an admin has written beside our own values, which Windows Installer has taken away by now.
    {
      name: 'ForgetSettings',
      type: flag.commandIn + flag.inScript + flag.asSystem + flag.continueOnFailure,
      source: 'System64Folder',
      target: `"[System64Folder]reg.exe" delete "HKLM\\${productKey(product)}" /f /reg:64`,
      at: 2610,
      when: when.removal
    },

    // Coming. A machine whose firewall is run by somebody else is no reason to refuse.
    host(
      'OpenFirewallUndo',
      'firewall remove',
      { at: 4010, when: `${when.firstInstall} AND NOT NOFIREWALL` },
      'rollback',
      'continueOnFailure'
    ),
    host(
      'OpenFirewall',
      'firewall add',
      { at: 4020, when: `${when.install} AND NOT NOFIREWALL` },
      'continueOnFailure'
    ),
    // Windows removes what it has copied; what the program wrote meanwhile is ours to remove.
    host(
      'ConfigureUndo',
      'purge',
      { at: 5801, when: product.keepsAll ? when.firstInstall : `${when.firstInstall} AND OLDCACHE` },
      'rollback',
      'continueOnFailure'
    ),
    ...(product.keepsAll
      ? []
      : [
          host(
            'ConfigureUndoAll',
            'purge cache',
            { at: 5802, when: `${when.firstInstall} AND NOT OLDCACHE` },
            'rollback',
            'continueOnFailure'
          )
        ]),
    host('Configure', 'configure', { at: 5810, when: when.install }),
    ...(product.hasTicket
      ? [
          host('Ticket', 'ticket "[TICKET]"', { at: 5820, when: `TICKET AND ${when.install}` }, 'hideTarget'),
          // A log ends with all properties; that this one is hidden there is kept by Windows, but not by everybody who runs an MSI.
          { ...setProperty('TICKET', '', { at: 6601, when: 'TICKET' }), name: 'ForgetTicket' }
        ]
      : []),

    // After the start of the service, at 5900: each change is tried out before it stays.
    ...product.clients.flatMap(({ property, target }, index) => {
      const place = { at: 5910 + 2 * index, when: `${property}="1" AND ${when.install}` }
      return [
        host(
          `Apply${property}Undo`,
          `cli configure --undo ${target}`,
          // What an earlier installation had applied stays, should this one fail.
          { ...place, when: `${property}="1" AND ${when.firstInstall}` },
          'rollback',
          'continueOnFailure'
        ),
        host(`Apply${property}`, `cli configure --apply ${target}`, { ...place, at: place.at + 1 })
      ]
    })
  ]
}

export function actionTables(actions: readonly Action[]): Tables {
  return {
    CustomAction: actions.map(it => ({
      Action: it.name,
      Type: it.type,
      Source: it.source,
      Target: it.target
    })),
    InstallExecuteSequence: actions.map(it => ({
      Action: it.name,
      Condition: it.when,
      Sequence: it.at
    }))
  }
}
