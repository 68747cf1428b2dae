/**
 * What an installation does beside copying: commands of the service host, run as SYSTEM while Windows Installer works through its
 * script, each with a place in the sequence and, where it leaves something behind, with one that takes it back when a later step
 * fails. What cannot be taken back comes after all that can fail.
 */
import { keptBy } from '../host-ini.ts'
import { isTurned } from './clients.ts'
import { flag, inScript, setProperty, type Action, type Flag } from './custom-action.ts'
import { isNew } from './data-folder.ts'
import { productKey, type Product } from './product.ts'
import type { Tables } from './tables.ts'

/** The host in table Binary: for what must be done when the installed one is not there any more, or not yet. */
const packedHost = 'Host'

/** Says of a state of the machine, in the words of Windows Installer. */
export const when = {
  /** Also for a repair. */
  install: 'NOT REMOVE',
  /** An administrator's: what is given counts (settings.ts). */
  arrival: 'NOT Installed AND NOT REMOVE',
  /** Nothing of us was here, so taking back means to leave nothing. */
  firstInstall: 'NOT Installed AND NOT OLDERVERSION AND NOT REMOVE',
  /** Not when a new version takes the old one away: what belongs to the machine stays then. */
  removal: 'REMOVE="ALL" AND NOT UPGRADINGPRODUCTCODE'
} as const

type Place = Pick<Action, 'at' | 'when'>
/**
 * What cannot be taken back waits until everything else is done: a removal that fails late, or is cancelled, brings the machine back
 * with its identity. Windows runs no such action where rollback is switched off (DISABLEROLLBACK, or by policy): there is nothing to come back
 * to then, and it is done within the script, as the last thing in it.
 */
const irrevocably = (action: Action): readonly Action[] => [
  { ...action, type: action.type + flag.commit },
  {
    ...action,
    name: `${action.name}AtOnce`,
    at: action.at + 1,
    when: `${action.when} AND RollbackDisabled`
  }
]

const opensFirewall = 'NOFIREWALL<>"1"'
const leavesFirewall = `NOFIREWALL="1" AND FOUNDNOFIREWALL<>"1" AND OLDERVERSION AND ${when.arrival}`

/** @param hostKey the File row of the service host */
export function productActions(product: Product, hostKey: string): readonly Action[] {
  const host = (name: string, command: string, place: Place, ...flags: readonly Flag[]): Action => ({
    name,
    type: inScript('installedProgram', ...flags),
    source: hostKey,
    target: command,
    ...place
  })
  const packed = (name: string, command: string, place: Place, ...flags: readonly Flag[]): Action => ({
    name,
    type: inScript('packedProgram', 'continueOnFailure', ...flags),
    source: packedHost,
    target: command,
    ...place
  })
  // A backslash before a quote would take it along, so folders end with a point.
  const purge = (kept: string, ...place: readonly string[]): string =>
    ['purge', product.service.name, '"[DATADIR]\\."', `"${kept}"`, ...place].join(' ')
  // To be emptied, or to be kept where it lies in the data folder.
  const cache = '"[CACHEPLACE]\\."'
  const kept = keptBy(product.program)
  const isNewMachine = `${when.firstInstall} AND ${isNew.data}`
  return [
    setProperty('ARPINSTALLLOCATION', '[INSTALLDIR]', { at: 1001, when: when.install }),

    // Coming. A machine whose firewall is run by somebody else is no reason to refuse.
    host(
      'OpenFirewallUndo',
      'firewall remove',
      { at: 4010, when: `${when.firstInstall} AND ${opensFirewall}` },
      'rollback',
      'continueOnFailure'
    ),
    host(
      'OpenFirewall',
      'firewall add',
      { at: 4020, when: `${when.install} AND ${opensFirewall}` },
      'continueOnFailure'
    ),
    host(
      'LeaveFirewallUndo',
      'firewall add',
      { at: 4030, when: leavesFirewall },
      'rollback',
      'continueOnFailure'
    ),
    host('LeaveFirewall', 'firewall remove', { at: 4040, when: leavesFirewall }, 'continueOnFailure'),
    // Windows removes what it has copied; what the program wrote meanwhile is ours to remove.
    ...(product.keepsAll
      ? [packed('ConfigureUndo', purge(kept), { at: 5801, when: isNewMachine }, 'rollback')]
      : [
          packed(
            'ConfigureUndo',
            purge(''),
            { at: 5801, when: `${isNewMachine} AND NOT ${isNew.cache}` },
            'rollback'
          ),
          packed(
            'ConfigureUndoAll',
            purge('', cache),
            { at: 5802, when: `${isNewMachine} AND ${isNew.cache}` },
            'rollback'
          )
        ]),
    host('Configure', 'configure', { at: 5810, when: when.install }),
    ...(product.hasTicket
      ? [
          // That one fails is an event of the service host's: Windows Installer's own could show the command.
          host(
            'Ticket',
            'ticket "[TICKET]"',
            { at: 5820, when: `TICKET AND ${when.arrival}` },
            'hideTarget',
            'continueOnFailure'
          ),
          // A log ends with all properties; that this one is hidden there is kept by Windows, but not by everybody who runs an MSI.
          { ...setProperty('TICKET', '', { at: 6601, when: 'TICKET' }), name: 'ForgetTicket' }
        ]
      : []),

    // After the start of the service, at 5900: each change is tried out before it stays.
    ...product.clients.flatMap(({ property, target }, index) => {
      const place = { at: 5910 + 2 * index, when: `${property}="1" AND ${when.arrival}` }
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
    }),

    // Leaving. The machine's clients go back to what they had, as late as the program is there. To apply it again needs an agent that
    // serves, so that stands before the stop of the service, at 1900, which a rollback has started by then.
    ...product.clients.map((client, index) =>
      host(
        `ApplyAgain${client.property}`,
        `cli configure --apply ${client.target}`,
        { at: 1850 + index, when: `${when.removal} AND ${isTurned(client)}` },
        'rollback',
        'continueOnFailure'
      )
    ),
    ...(product.clients.length === 0
      ? []
      : [
          host(
            'UndoClients',
            'cli configure --undo all',
            { at: 3470, when: when.removal },
            'continueOnFailure'
          )
        ]),
    host(
      'CloseFirewallUndo',
      'firewall add',
      { at: 3480, when: `${when.removal} AND ${opensFirewall}` },
      'rollback',
      'continueOnFailure'
    ),
    host('CloseFirewall', 'firewall remove', { at: 3490, when: when.removal }, 'continueOnFailure'),
    ...irrevocably(
      packed('Purge', product.keepsAll ? purge(kept) : purge(kept, cache), {
        at: 6510,
        when: `${when.removal} AND NOT REMOVECACHE`
      })
    ),
    ...irrevocably(
      packed('PurgeAll', product.keepsAll ? purge('') : purge('', cache), {
        at: 6520,
        when: `${when.removal} AND REMOVECACHE`
      })
    ),
    // What an admin has written beside our own values, which Windows Installer has taken away by now.
    ...irrevocably({
      name: 'ForgetSettings',
      type: inScript('commandIn', 'continueOnFailure'),
      source: 'System64Folder',
      target: `"[System64Folder]reg.exe" delete "HKLM\\${productKey(product)}" /f /reg:64`,
      at: 6530,
      when: when.removal
    })
  ]
}

/** @param hostKey the packed file that is the service host */
export function binaryTables(hostKey: string): Tables {
  return { Binary: [{ Name: packedHost, Data: hostKey }] }
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
