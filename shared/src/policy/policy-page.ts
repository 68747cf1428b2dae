/** docs/POLICY.md, made from the fields: one section for each name, in the order of the schema. */
import { policyFields, type PolicyField } from './policy.ts'
import type { Stricter } from './fields.ts'

const head = `# Policy

What an admin can say about how agents use machine and network. This page is made from the schema (\`shared/src/policy\`); \`policy.schema.json\` beside it is the same for
programs. A document names what it wants to say and leaves out the rest:

\`\`\`json
{
  "DODownloadMode": 1,
  "DOMaxBackgroundDownloadBandwidth": 500,
  "hoursToLimitBackgroundDownload": "mon-fri 8-18 200KB",
  "siteDefinitions": [{ "id": "north", "networks": ["10.1.0.0/16"] }]
}
\`\`\`

Values may be written as numbers in the unit that is named, or, where the name ends in its unit, as people write them (\`500KB\`, \`30s\`, \`off\`). KB, MB and GB of Delivery
Optimization's names are binary, as in Windows, unless it says otherwise.

## Where a value comes from

For each name the first that says something wins: the machine's policy (on Windows \`HKLM\\SOFTWARE\\Policies\\Starling\`), the command line, the environment, \`config.json\`, the
coordinator's policy for this device, for its group, for its site, for the fleet; then the default. \`starling policy show\` tells value and source of each. What a user sets counts only
where it allows less than all that; names that a user may lower say so below.

In \`config.json\` most names stand under \`policy\`; those that have a key of their own there are named.
`

const userMay: Readonly<Record<Stricter, string>> = {
  lower: 'give a lower value',
  'lower-not-0': 'give a lower value, or a first limit',
  higher: 'give a higher value',
  'higher-or-0': 'give a higher value, or 0',
  off: 'turn it off',
  on: 'turn it on',
  fewer: 'take entries out'
}

export function policyPage(): string {
  const [theirs, ours] = (['delivery-optimization', 'starling'] as const).map(from =>
    policyFields
      .filter(field => field.from === from)
      .map(sectionOf)
      .join('\n')
  )
  return `${head}
## Delivery Optimization's names

Microsoft's value names, units and ranges. What differs, and why, is said with each default.

${theirs}
## Starling's own names

${ours}`
}

function sectionOf({
  name,
  what,
  why,
  form,
  defaultText,
  configKey,
  stricter,
  insteadUse
}: PolicyField): string {
  return `### ${name}

${sentence(what)}

- Value: ${form.replaceAll(/([[{].*[\]}]|\*\.[\w.-]+)/g, '`$1`')}
- Default: ${defaultText === '' ? 'none' : `\`${defaultText}\``}. ${sentence(why)}
${insteadUse === undefined ? '' : `- An old name: use ${insteadUse}\n`}${
    configKey.startsWith('policy.') ? '' : `- In config.json: \`${configKey}\`\n`
  }${stricter === undefined ? '' : `- A user may ${userMay[stricter]}\n`}`
}

function sentence(text: string): string {
  const marked = text.replaceAll(/(\*\.[\w.-]+|\blogs\/\S+\.jsonl)/g, '`$1`')
  return marked.endsWith('.') ? marked : `${marked}.`
}
