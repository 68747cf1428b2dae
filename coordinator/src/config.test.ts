import { hostname } from 'node:os'
import { describe, expect, it } from 'vitest'
import { createConfig, parseDuration, parseEndpoint, reachableAddresses } from './config.ts'

const bad = expect.objectContaining({ code: 'bad-config' }) as Error

describe('configuration', () => {
  it('reads addresses to listen on, and says what is wrong with others', () => {
    expect(parseEndpoint('127.0.0.1:80')).toEqual({ host: '127.0.0.1', port: 80 })
    expect(parseEndpoint('[::1]:0')).toEqual({ host: '::1', port: 0 })
    expect(parseEndpoint(':17833')).toEqual({ host: '0.0.0.0', port: 17_833 })
    for (const text of [
      '',
      '80',
      'localhost',
      '1.2.3:80',
      '127.0.0.1:99999',
      'example.org:80',
      '127.0.0.1:'
    ]) {
      expect(() => parseEndpoint(text), text).toThrow(bad)
    }
  })

  it('reads time spans', () => {
    expect(['50ms', '90s', '15m', '12h', '7d'].map(parseDuration)).toEqual([
      50, 90_000, 900_000, 43_200_000, 604_800_000
    ])
    for (const text of ['', '7', '7 d', '-1d', '0s', '1w', '1.5h'])
      expect(() => parseDuration(text), text).toThrow(bad)
  })

  it('refuses a site or an advertised address that agents could not use', () => {
    expect(() => createConfig({ data: '.', site: 'a b' })).toThrow(bad)
    for (const text of [
      'example.org',
      'http://example.org:1',
      'https://example.org:1/path',
      'user@example.org:1'
    ]) {
      expect(() => createConfig({ data: '.', advertise: [text] }), text).toThrow(bad)
    }
    expect(createConfig({ data: '.', advertise: ['example.org:1'] }).advertise).toEqual([
      'https://example.org:1'
    ])
  })

  it('works out how agents reach it', () => {
    expect(reachableAddresses([], { host: '127.0.0.1', port: 5 })).toEqual(['https://127.0.0.1:5'])
    expect(reachableAddresses([], { host: '::1', port: 5 })).toEqual(['https://[::1]:5'])
    expect(reachableAddresses(['https://a:1'], { host: '0.0.0.0', port: 5 })).toEqual(['https://a:1'])
    const own = reachableAddresses([], { host: '0.0.0.0', port: 5 })
    expect(own.at(-1)).toBe(`https://${hostname()}:5`)
    expect(own.length).toBeGreaterThan(1)
  })
})
