import { describe, expect, it } from 'vitest'
import { groupWord, nearnessOf } from './near.ts'

describe('how near a peer is', () => {
  const near = (host: string | null, heard = false) =>
    nearnessOf([], null, host, heard, ['10.1.2.3/24', 'fd00:1::5/64'])

  it('is its subnet by where it comes from', () => {
    expect(near('10.1.2.200').sameSubnet).toBe(true)
    expect(near('10.1.3.200').sameSubnet).toBe(false)
    expect(near('fd00:1::9').sameSubnet).toBe(true)
    expect(near('fd00:2::9').sameSubnet).toBe(false)
    expect(near('fe80::1%eth0')).toMatchObject({ sameSubnet: true, sameLink: true })
    expect(near('127.0.0.1')).toMatchObject({ sameSubnet: true, sameLink: true })
    expect(near(null)).toMatchObject({ sameSubnet: false, sameLink: false })
  })

  it('is on the link when multicast has been heard of it', () => {
    expect(near('10.1.3.200', true).sameLink).toBe(true)
    expect(near('10.1.2.200').sameLink).toBe(false)
  })

  it('is of the group when it says the same word, which tells nobody else the group', () => {
    const word = groupWord('ad-site:berlin')
    expect(word).not.toContain('berlin')
    expect(nearnessOf([word], 'ad-site:berlin', null, false).sameGroup).toBe(true)
    expect(nearnessOf([word], 'ad-site:bonn', null, false).sameGroup).toBe(false)
    expect(nearnessOf([word], null, null, false).sameGroup).toBe(false)
    expect(nearnessOf([], 'ad-site:berlin', null, false).sameGroup).toBe(false)
  })
})
