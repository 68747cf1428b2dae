// Prints `passed failed skipped` of a report by vitest's JSON reporter. A test file that could not even
// be loaded has no tests in the report; it counts as one failure.

import { readFileSync } from 'node:fs'

const { testResults } = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const statuses = testResults.flatMap(({ status, assertionResults }) => {
  const own = assertionResults.map(result => result.status)
  return status === 'failed' && !own.includes('failed') ? [...own, 'failed'] : own
})
const count = (...wanted) => statuses.filter(status => wanted.includes(status)).length
const passed = count('passed')
const failed = count('failed')
console.log(passed, failed, statuses.length - passed - failed)
