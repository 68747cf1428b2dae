/** docs/POLICY.md, made from the fields: one section for each name, in the order of the schema. */
import { policyFields, type PolicyField } from './policy.ts'
import { type FieldFacts, type Stricter } from './fields.ts'
import { machineFields } from './machine-only.ts'

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

For each name the first that says something wins:

1. the machine's policy, on Windows in the registry: \`HKLM\\SOFTWARE\\Policies\\Starling\`; behind it, if \`honourDeliveryOptimizationPolicies\` there is 1, what Delivery Optimization is told
   by Group Policy (\`HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows\\DeliveryOptimization\`), then by MDM (\`HKLM\\SOFTWARE\\Microsoft\\PolicyManager\\current\\device\\DeliveryOptimization\`);
2. the command line, the environment, \`config.json\`;
3. the coordinator's policy for this device, for its group, for its site, for the fleet;
4. the default.

Over the result comes what the users say who are signed in (\`HKCU\\SOFTWARE\\Policies\\Starling\` of each), where it allows less; names that a user may lower say so below. In the registry a
value has the name of its policy; numbers are DWORDs, switches too (0 or 1), lists REG_MULTI_SZ or keys with numbered values, the rest texts. The
installed service takes a change of the machine's policy at once, and one of a user's within 10 minutes; an agent that was started otherwise looks every half minute.
\`starling policy show\` tells value and source of each, and which wait for a restart.

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

${ours}
## In the registry only

Only the machine's admin says these: no document has them, and no coordinator sends them. An agent that was installed without any setting is told by them whom it belongs to
and how it gets out. The ticket in the registry, and in a Group Policy's files, can be read by every user: use one with an approval, a limit or a near end (docs/COORDINATOR.md).

${machineFields.map(field => headOf(field.name, field) + keyLine(field.configKey ?? '')).join('\n')}`
}

function sectionOf(field: PolicyField): string {
  const { name, configKey, stricter, insteadUse } = field
  return `${headOf(name, field)}${insteadUse === undefined ? '' : `- An old name: use ${insteadUse}\n`}${keyLine(configKey)}${stricter === undefined ? '' : `- A user may ${userMay[stricter]}\n`}`
}

const keyLine = (configKey: string): string =>
  configKey === '' || configKey.startsWith('policy.') ? '' : `- In config.json: \`${configKey}\`\n`

function headOf(name: string, { what, why, form, defaultText }: FieldFacts): string {
  return `### ${name}

${sentence(what)}

- Value: ${form.replaceAll(/([[{].*[\]}]|\*\.[\w.-]+)/g, '`$1`')}
- Default: ${defaultText === '' ? 'none' : `\`${defaultText}\``}. ${sentence(why)}
`
}

function sentence(text: string): string {
  const marked = text.replaceAll(/(\*\.[\w.-]+|\blogs\/\S+\.jsonl)/g, '`$1`')
  return marked.endsWith('.') ? marked : `${marked}.`
}
