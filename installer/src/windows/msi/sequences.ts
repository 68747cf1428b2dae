/** The standard actions, at the places that Microsoft suggests for them. */
import type { Row, Tables } from './tables.ts'

const costing = [
  ['CostInitialize', 800],
  ['FileCost', 900],
  ['CostFinalize', 1000]
] as const

const execute = [
  ['FindRelatedProducts', 25],
  ['AppSearch', 50],
  ['LaunchConditions', 100],
  ['ValidateProductID', 700],
  ...costing,
  ['MigrateFeatureStates', 1200],
  ['InstallValidate', 1400],
  ['InstallInitialize', 1500],
  // Within the transaction: when the new version fails, the old one comes back. And before anything is copied, so that files of the
  // new version are not taken away with the old one.
  ['RemoveExistingProducts', 1501],
  ['ProcessComponents', 1600],
  ['UnpublishFeatures', 1800],
  ['StopServices', 1900],
  ['DeleteServices', 2000],
  ['RemoveEnvironmentStrings', 3300],
  ['RemoveFiles', 3500],
  // Microsoft suggests 2600; here the program, which is still needed at 3470, finds its settings until it is removed itself.
  ['RemoveRegistryValues', 3600],
  ['InstallFiles', 4000],
  ['WriteRegistryValues', 5000],
  ['WriteEnvironmentStrings', 5200],
  ['InstallServices', 5800],
  ['StartServices', 5900],
  ['RegisterUser', 6000],
  ['RegisterProduct', 6100],
  ['PublishFeatures', 6300],
  ['PublishProduct', 6400],
  ['InstallFinalize', 6600]
] as const

/** Unpacks the files only (`msiexec /a`). */
const admin = [
  ...costing,
  ['InstallValidate', 1400],
  ['InstallInitialize', 1500],
  ['InstallAdminPackage', 3900],
  ['InstallFiles', 4000],
  ['InstallFinalize', 6600]
] as const

/** Group Policy can offer a package before anybody installs it. */
const advertise = [
  ['CostInitialize', 800],
  ['CostFinalize', 1000],
  ['InstallValidate', 1400],
  ['InstallInitialize', 1500],
  ['PublishFeatures', 6300],
  ['PublishProduct', 6400],
  ['InstallFinalize', 6600]
] as const

/** No pages to click through: a progress bar, and everything happens in the other sequence. */
const userInterface = [...costing, ['ExecuteAction', 1300]] as const

const rows = (
  actions: ReadonlyArray<readonly [string, number]>
): ReadonlyArray<Row<'InstallExecuteSequence'>> => actions.map(([Action, Sequence]) => ({ Action, Sequence }))

export const sequenceTables: Tables = {
  InstallExecuteSequence: rows(execute),
  InstallUISequence: rows(userInterface),
  AdminExecuteSequence: rows(admin),
  AdvtExecuteSequence: rows(advertise)
}
