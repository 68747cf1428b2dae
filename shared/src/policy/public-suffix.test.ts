import { expect, test } from 'vitest'
import { publicSuffixIn } from './public-suffix.ts'

test.each([
  ['co.uk', 'co.uk'],
  ['*.CO.UK', 'co.uk'],
  ['*.github.io:8443', 'github.io'],
  ['azureedge.net', 'azureedge.net'],
  ['*.blob.core.windows.net', 'blob.core.windows.net'],
  ['com', 'com'],
  // A wildcard of the list: every name below ck, except www.ck.
  ['anything.ck', 'anything.ck'],
  ['www.ck', null],
  ['vendor.co.uk', null],
  ['*.vendor.azureedge.net', null],
  ['files_1.vendor.example:443', null],
  ['vendor.corp', null]
])('%s stands for the public suffix %s', (pattern, suffix) => {
  expect(publicSuffixIn(pattern)).toBe(suffix)
})
