import { cpSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openHouse } from '@starling/test/e2e/harness.ts'
import { afterAll, expect, it } from 'vitest'
import { bundleProgram } from './bundle.ts'

const house = openHouse()
afterAll(() => house.close())

const ports = {
  STARLING_LISTEN_PORT: '0',
  STARLING_BULK_PORT: '0',
  STARLING_PROXY_PORT: '0',
  STARLING_PAGE_PORT: '0'
}

// Outside the project's folder no module of it can be found, so all that a program needs must be in its bundle.
const away = house.folder('bundles')

it(
  "an agent's bundle runs where nothing else of the project is: store, proxy and page",
  { timeout: 60_000 },
  async () => {
    const { packages } = await bundleProgram('agent', 'linux-x64', join(away, 'agent'))
    expect(packages.map(folder => folder.split('node_modules/').at(-1))).toEqual(
      expect.arrayContaining(['classic-level', 'libp2p', 'undici', '@chainsafe/libp2p-noise'])
    )
    const code = readFileSync(join(away, 'agent', 'main.mjs'), 'utf8')
    expect(/[^\0-\x7f]/.test(code), 'a character that doubles the memory for the code').toBe(false)
    const data = house.folder('agent')
    const agent = await house.start(
      'bundled agent',
      join(away, 'agent', 'main.mjs'),
      ['run', '--json', '--data', data, '--mdns', 'off'],
      ports
    )
    const page = (await fetch(String(agent.ready['page']))).text()
    expect(await page).toContain('<script type="module"')
    expect(existsSync(join(data, 'agent.json'))).toBe(true)
  }
)

it("a coordinator's bundle has its second thread and its gateway", { timeout: 60_000 }, async () => {
  await bundleProgram('coordinator', 'linux-x64', join(away, 'first'))
  // Moved once more: a path of the build must not be in it.
  cpSync(join(away, 'first'), join(away, 'coordinator'), { recursive: true })
  const coordinator = await house.start(
    'bundled coordinator',
    join(away, 'coordinator', 'main.mjs'),
    ['run', '--json', '--data', house.folder('coordinator'), '--listen', '127.0.0.1:0'],
    ports
  )
  expect(coordinator.ready).toMatchObject({ ready: true })
})
