/** The words of Group Policy's editor: English out of the schema, Chinese out of its translation; and what both have to say beside it. */
import type { Stricter } from '@starling/shared/policy/fields.ts'
import { policyWords } from '@starling/shared/policy/words/zh.ts'
import type { AdmxSetting, Category } from './setting.ts'

export interface Words {
  /** The folder's name, as Windows has it. */
  readonly language: 'en-US' | 'zh-CN'
  readonly about: string
  readonly supported: string
  readonly root: string
  readonly rootExplained: string
  readonly category: Readonly<Record<Category, string>>
  title(setting: AdmxSetting): string
  /** What a choice of the editor stands for. */
  choice(setting: AdmxSetting, value: number | string, meaning: string): string
  /** Beside the field that is filled in. */
  label(setting: AdmxSetting): string
  explain(setting: AdmxSetting): string
}

/** Names are split into words; these are spelled in a way of their own. */
const spellings: Readonly<Record<string, string>> = {
  vpn: 'VPN',
  ram: 'RAM',
  http: 'HTTP',
  qos: 'QoS',
  wan: 'WAN',
  lan: 'LAN',
  wifi: 'Wi-Fi',
  wsus: 'WSUS',
  pac: 'PAC',
  id: 'ID',
  mdns: 'mDNS',
  tls: 'TLS'
}

/** `DOMinRAMAllowedToPeer`: Min RAM allowed to peer. The value's own name stands behind it, for whoever looks for that. */
export function englishTitle(name: string): string {
  const words = name
    .replace(/^DO(?=[A-Z])/, '')
    .replace(/(BytesPerSecond|Bytes|Ms)$/, '')
    .replaceAll(/[a-z0-9](?=[A-Z])|[A-Z](?=[A-Z][a-z])/g, '$& ')
    .toLowerCase()
    .split(' ')
    .map(word => spellings[word] ?? word)
    .join(' ')
  return `${words[0]!.toUpperCase()}${words.slice(1)}`.replace(/^MDNS/, 'mDNS')
}

const paragraphs = (...texts: readonly string[]): string => texts.filter(text => text !== '').join('\n\n')

const userMay: Readonly<Record<Stricter, string>> = {
  lower: 'a lower value',
  'lower-not-0': 'a lower value, or a first limit',
  higher: 'a higher value',
  'higher-or-0': 'a higher value, or 0',
  off: 'to turn it off',
  on: 'to turn it on',
  fewer: 'to take entries out'
}

export const english: Words = {
  language: 'en-US',
  about: 'Settings of the Starling agent, a peer-to-peer delivery optimizer for local networks.',
  supported: 'Starling 0.1 or later',
  root: 'Starling',
  rootExplained:
    'Delivery of updates and other content among the computers of a site. What is set here counts before config.json, the environment, the command line and the policy of the coordinator.',
  category: {
    fleet: 'Fleet and coordinator',
    sharing: 'Who shares with whom',
    bandwidth: 'Bandwidth for downloads',
    hours: 'Business hours',
    upload: 'What agents give to others',
    sources: 'Cache servers and when to ask the origin',
    cache: 'Cache on the disk',
    swarm: 'How a site fetches together',
    sites: 'Sites and their networks',
    upstream: 'Gateways and proxies on the way out',
    content: 'Kinds of content, and HTTPS',
    proxy: 'What the proxy lets through',
    machine: 'Ports, local page and log files'
  },
  title: ({ name }) => `${englishTitle(name)} (${name})`,
  choice: (_, value, meaning) => (String(value) === meaning ? meaning : `${value}: ${meaning}`),
  label: ({ name, facts: { unit } }) => `${englishTitle(name)}${unit === undefined ? '' : ` (${unit})`}:`,
  explain(setting) {
    const { name, facts, control, configKey } = setting
    const isSwitch = control.kind === 'switch'
    return paragraphs(
      `${facts.what}.`,
      isSwitch ? '' : `Value: ${facts.form}${control.kind === 'list' ? '; here one on each line' : ''}.`,
      `Default: ${isSwitch ? (Number(facts.byDefault) === 1 ? 'on' : 'off') : facts.defaultText || 'none'}. ${facts.why}.`,
      facts.insteadUse === undefined ? '' : `An old name: use ${facts.insteadUse}.`,
      isSwitch
        ? 'Enabled: on. Disabled: off. Not configured: what config.json, the environment or the coordinator says, else the default.'
        : 'Enabled: this value holds. Disabled or not configured: what config.json, the environment or the coordinator says, else the default.',
      setting.userMay === null
        ? ''
        : `Under User Configuration it counts only where it allows less: a user may choose ${userMay[setting.userMay]}.`,
      name === 'ticket'
        ? 'WARNING: every user and computer of the domain can read a Group Policy (in SYSVOL, and in the registry of each computer), and whoever has a ticket may join until it is used up, ends or is revoked. Make one for this rollout alone, with as many uses as there are computers, a near end and the role agent (starling-coordinator ticket create --uses 200 --expires 7d), and set this back to Not configured when it is over: members do not need it any more.'
        : '',
      configKey === null
        ? `Registry value: ${name}.`
        : `Registry value: ${name}. In config.json: ${configKey}.`
    )
  }
}

const userMayZh: Readonly<Record<Stricter, string>> = {
  lower: '改用更小的值',
  'lower-not-0': '改用更小的值，或在无限制时设置限制',
  higher: '改用更大的值',
  'higher-or-0': '改用更大的值，或改为 0',
  off: '将其关闭',
  on: '将其打开',
  fewer: '去掉其中的条目'
}

const wordsZh = ({ name }: AdmxSetting) => policyWords[name as keyof typeof policyWords]

export const chinese: Words = {
  language: 'zh-CN',
  about: 'Starling 代理的设置。Starling 在局域网的计算机之间以对等方式优化内容传递。',
  supported: 'Starling 0.1 或更高版本',
  root: 'Starling',
  rootExplained:
    '在站点的计算机之间传递更新和其他内容。此处的设置优先于 config.json、环境变量、命令行和协调器的策略。',
  category: {
    fleet: '机群与协调器',
    sharing: '谁与谁共享',
    bandwidth: '下载带宽',
    hours: '工作时间',
    upload: '上传',
    sources: '缓存服务器与源回退',
    cache: '磁盘缓存',
    swarm: '站点内的协同获取',
    sites: '站点及其网络',
    upstream: '出口网关与代理服务器',
    content: '内容类别与 HTTPS',
    proxy: '代理服务器的放行规则',
    machine: '端口、本地页面与日志文件'
  },
  title: setting => `${wordsZh(setting).name} (${setting.name})`,
  choice(setting, value, meaning) {
    const said = wordsZh(setting).codes?.[Number(value)]
    return said === undefined ? (modesZh[meaning] ?? meaning) : `${value}：${said}`
  },
  label: setting =>
    `${wordsZh(setting).name}${setting.facts.unit === undefined ? '' : ` (${setting.facts.unit})`}:`,
  explain(setting) {
    const { name, facts, control, configKey } = setting
    const { what, why } = wordsZh(setting)
    const isSwitch = control.kind === 'switch'
    return paragraphs(
      `${what}。`,
      isSwitch ? '' : `值：${formZh(setting)}${control.kind === 'list' ? '；此处每行一个' : ''}。`,
      `默认值：${isSwitch ? (Number(facts.byDefault) === 1 ? '打开' : '关闭') : facts.defaultText || '无'}。${why}。`,
      facts.insteadUse === undefined
        ? ''
        : `旧名称：请使用 ${facts.insteadUse.replaceAll(' and ', ' 和 ')}。`,
      isSwitch
        ? '已启用：打开。已禁用：关闭。未配置：以 config.json、环境变量或协调器的设置为准，否则使用默认值。'
        : '已启用：使用此值。已禁用或未配置：以 config.json、环境变量或协调器的设置为准，否则使用默认值。',
      setting.userMay === null
        ? ''
        : `在“用户配置”中，只有比计算机的设置允许得更少时才有效：用户可以${userMayZh[setting.userMay]}。`,
      name === 'ticket'
        ? '警告：域中的每个用户和每台计算机都可以读取组策略（在 SYSVOL 中，以及在每台计算机的注册表中），而持有票据者在票据用完、到期或被撤销之前都可以加入。请仅为这次部署创建一张票据：使用次数等于计算机数量，期限较短，角色为 agent（starling-coordinator ticket create --uses 200 --expires 7d）；部署完成后将此项改回“未配置”：成员不再需要它。'
        : '',
      configKey === null ? `注册表值：${name}。` : `注册表值：${name}。在 config.json 中：${configKey}。`
    )
  }
}

/** Words that are values themselves. */
const modesZh: Readonly<Record<string, string>> = {
  auto: 'auto（自动）',
  on: 'on（打开）',
  off: 'off（关闭）'
}

/** What kind and limits say needs no translation of its own. */
function formZh(setting: AdmxSetting): string {
  const { control, facts } = setting
  const said = wordsZh(setting).form
  if (said !== undefined) return said
  if (control.kind === 'number')
    return `${control.min} 到 ${control.max} 的整数${facts.unit === undefined ? '' : `（${facts.unit}）`}`
  if (control.kind === 'choice') return control.items.map(({ value }) => value).join('、')
  const [, example, from, to] = / like (.+), from (\S+) to (\S+)$/.exec(facts.form) ?? []
  return example === undefined
    ? facts.form
    : `例如 ${example.replaceAll(' or ', ' 或 ')}，从 ${from} 到 ${to}`
}
