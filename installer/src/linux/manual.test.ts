import { expect, it } from 'vitest'
import { manualOf, readHelp } from './manual.ts'

const help = `Usage: thing [options]

Does one thing, and
does it well.

Options:
  --data <folder>  where it keeps
                   what it has
  -h               help

Rules:
  .dotted=1
      What begins with a dot
`

it('what a program wrapped at 80 columns is read as whole sentences', () => {
  expect(readHelp(help)).toEqual([
    { kind: 'text', text: 'Usage: thing [options]' },
    { kind: 'text', text: 'Does one thing, and does it well.' },
    { kind: 'heading', text: 'Options' },
    { kind: 'term', text: '--data <folder>', says: 'where it keeps what it has' },
    { kind: 'term', text: '-h', says: 'help' },
    { kind: 'heading', text: 'Rules' },
    { kind: 'term', text: '.dotted=1', says: 'What begins with a dot' }
  ])
})

it('nothing in a help text is taken for a command of roff', async () => {
  const page = await manualOf({ name: 'thing', title: 'A thing' }, '1.2.3', async () =>
    help.replace('Does one', "'Does \\one")
  )
  expect(page).toContain(".PP\n\\&'Does \\eone thing, and does it well.")
  expect(page).toContain('.TP\n\\fB\\-\\-data <folder>\\fR\nwhere it keeps what it has')
  expect(page).toContain('.TH THING 8 "" "thing 1.2.3"')
})
