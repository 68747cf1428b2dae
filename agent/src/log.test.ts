import { spawnSync } from 'node:child_process'
import { expect, it } from 'vitest'

it('the last lines of a log and its children are remembered, and no more than that', () => {
  // In a process of its own, because a log writes to stderr.
  const program = `
    import { createLog, lastLines } from ${JSON.stringify(new URL('./log.ts', import.meta.url).href)}
    const log = createLog('info', 'test')
    log.debug('not told')
    log.info({ secret: 'hush' }, 'first')
    log.child({ part: 'proxy' }).warn('second')
    const two = lastLines(log, 10).map(line => JSON.parse(line))
    for (let count = 0; count < 2500; count++) log.info({ count }, 'many')
    const many = lastLines(log, 5000).map(line => JSON.parse(line).count)
    console.log(JSON.stringify({ two, many: [many.length, many[0], many.at(-1)], last: lastLines(log, 1).length }))`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
    maxBuffer: 2 ** 24
  })
  const { two, many, last } = JSON.parse(stdout)
  expect(two).toMatchObject([
    { level: 30, msg: 'first', secret: '[Redacted]' },
    { level: 40, msg: 'second', part: 'proxy' }
  ])
  expect(many).toEqual([2000, 500, 2499])
  expect(last).toBe(1)
  expect(stderr).toContain('"msg":"second"')
})
