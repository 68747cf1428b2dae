import { filesIn } from '@starling/agent/config.ts'
import { expect, it } from 'vitest'
import { keptBy, serviceIni } from './host-ini.ts'

it('knows all that the agent puts into its data folder', () => {
  const known = /^known=(.*)$/m.exec(serviceIni('agent'))![1]!.trim().split('|')
  expect(known).toEqual(
    expect.arrayContaining(Object.values(filesIn('')).map(path => path.replace(/^.*[\\/]/, '')))
  )
  expect(known).toEqual(expect.arrayContaining(keptBy('agent').split('|')))
})
