import { policyDocumentSchema, policyFields } from '@starling/shared/policy/policy.ts'
import { expect, it } from 'vitest'
import { policyForm } from './policy-form.ts'

const form = policyForm()
const named = (name: string) => form.find(field => field.name === name)

it('has every name of policy once', () => {
  expect(form.map(({ name }) => name).toSorted()).toEqual(policyFields.map(({ name }) => name).toSorted())
})

it('says what kind of value each takes, with its unit and its choices', () => {
  expect(named('DOMinRAMAllowedToPeer')).toMatchObject({ kind: 'number', unit: 'GB', byDefault: 4 })
  expect(named('DODownloadMode')).toMatchObject({ kind: 'choice' })
  expect(named('DODownloadMode')?.choices).toContainEqual({ value: 2, label: 'Group' })
  expect(named('accessLogEnabled')?.choices.map(({ value }) => value)).toEqual(['auto', 'on', 'off'])
  expect(named('cacheQuotaBytes')?.kind).toBe('size')
  expect(named('maxBackgroundQueueDelayMs')?.kind).toBe('time')
  expect(named('membersMaySign')?.kind).toBe('switch')
  expect(named('DOVpnKeywords')?.kind).toBe('list')
  expect(named('siteDefinitions')?.kind).toBe('objects')
  expect(named('DOMaxDownloadBandwidth')?.insteadUse).toContain('DOMaxForegroundDownloadBandwidth')
})

it('offers no choice that a policy would refuse', () => {
  for (const { name, choices } of form)
    for (const { value } of choices)
      expect(policyDocumentSchema.safeParse({ [name]: value }).success, `${name}: ${value}`).toBe(true)
})
