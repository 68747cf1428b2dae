/**
 * The policy schema in Simplified Chinese: what policy.ts says of each name in English. The coordinator's page and the ADML for zh-CN
 * read it here. The compiler holds it to every name, zh.test.ts to every choice and every form.
 *
 * Terms are those of Microsoft's own zh-CN texts of Delivery Optimization (传递优化, 对等方, 缓存服务器, 前台, 后台); a fleet's own words are
 * those of the pages (代理: agent, 站点: site, 源站: origin, 机群: fleet).
 */
import type { machineShape } from '../machine-only.ts'
import type { PolicyName } from '../policy.ts'

export interface PolicyWords {
  /** A short title, as in the list of the Group Policy editor. */
  readonly name: string
  /** One sentence without its stop: what it does. */
  readonly what: string
  /** The same: why the default is what it is. */
  readonly why: string
  /** What may be written, where its kind and its limits do not say it. */
  readonly form?: string
  /** What numbers stand for, by number. */
  readonly codes?: Readonly<Record<number, string>>
}

const yesNo = { 0: '否', 1: '是' }
const yieldsByItself = '后台下载会自行避让其他流量（maxBackgroundQueueDelayMs），因此线路空闲时可以使用'
const superseded = '自 Windows 10 2004 起已被取代。新旧名称同时设置时，以较小的限制为准'
const firstFailure = '沿用 Microsoft 的值：未设置时，缓存服务器失败一次即转向源站'
const hoursForm = '时段及速率（0 表示不限制），例如 mon-fri 8-18 500KB，以逗号分隔'

/** The five names of a window, which say the same of the foreground and of the background. */
const windowOf = (kind: string, downloads: string, ours: string) => ({
  on: {
    name: `按时段限制${kind}下载带宽`,
    what: `是否在每天的指定时段内将${downloads}限制为广域网线路的某一百分比，在时段外限制为另一百分比`,
    why: `${ours} 可以指定星期和绝对速率；这五项供已在使用它们的环境沿用`,
    codes: yesNo
  },
  from: {
    name: `${kind}下载时段的开始时间`,
    what: `${downloads}的限制时段从本地时间几点开始`,
    why: '没有通用的工作时间'
  },
  to: {
    name: `${kind}下载时段的结束时间`,
    what: `${downloads}的限制时段在本地时间几点结束；如不晚于开始时间，则在次日结束`,
    why: '没有通用的工作时间'
  },
  in: {
    name: `时段内的最大${kind}下载带宽（百分比）`,
    what: `${downloads}在时段内可占用的广域网线路百分比；0 表示不限制`,
    why: '与不分时段的百分比一样，0 表示由代理决定，代理会自行避让其他流量'
  },
  out: {
    name: `时段外的最大${kind}下载带宽（百分比）`,
    what: `${downloads}在时段外可占用的广域网线路百分比；0 表示不限制`,
    why: '与不分时段的百分比一样，0 表示由代理决定，代理会自行避让其他流量'
  }
})
const foreground = windowOf('前台', '有人等待的下载', 'hoursToLimitForegroundDownload')
const background = windowOf('后台', '后台下载', 'hoursToLimitBackgroundDownload')

export const policyWords: Readonly<Record<PolicyName | keyof typeof machineShape, PolicyWords>> = {
  DODownloadMode: {
    name: '下载模式',
    what: '此代理与谁共享：0 不与任何代理共享；1 与本站点的代理；2 与任何站点中同组的代理；3 与 1 相同；99 不与任何代理共享，也不使用协调器的帮助；100 不与任何代理共享，也不保留任何内容',
    why: '沿用 Microsoft 的值。3 按 1 处理，因为机群不与 Internet 上的陌生计算机共享；0 和 99 仍会使用网关和缓存服务器',
    codes: { 0: '仅 HTTP', 1: 'LAN', 2: '组', 3: 'Internet', 99: '简单', 100: '绕过' }
  },
  DOGroupId: {
    name: '组 ID',
    what: 'DODownloadMode 为 2 时，代理在其中共享的组',
    why: '未设置：组的来源由 DOGroupIdSource 决定。组 ID 只是名称，不作为证明；谁属于机群由凭据证明',
    form: '一个 GUID'
  },
  DOGroupIdSource: {
    name: '组 ID 的来源',
    what: 'DODownloadMode 为 2 且未设置 DOGroupId 时，组的来源',
    why: '未设置：先用 AD 站点，其次是域，最后是租户。2023 年及之后的文档说明以 DOGroupId 为准；2022 年的一份文档与此相反',
    codes: {
      0: '未设置',
      1: 'AD 站点',
      2: '域 SID',
      3: 'DHCP 选项 234',
      4: 'DNS 后缀',
      5: 'Entra 租户'
    }
  },
  DORestrictPeerSelectionBy: {
    name: '限制对等方选择的方法',
    what: '此代理与其站点或组中的哪些代理共享：0 所有代理；1 同一子网中的代理；2 通过组播发现的代理',
    why: 'Windows 10 为 0，Windows 11 为 1：这里的站点由管理员定义，而不是根据公用地址推测，因此站点内即使有多个子网也都很近',
    codes: { 0: '无', 1: '子网', 2: '本地发现' }
  },
  DOMinRAMAllowedToPeer: {
    name: '使用对等缓存所需的最小内存（含）',
    what: '计算机与其他计算机共享所需的最小内存（含此值）',
    why: '沿用 Microsoft 的值。固件和显卡占用的部分不计较：3.8 GiB 视为 4 GB'
  },
  DOMinDiskSizeAllowedToPeer: {
    name: '使用对等缓存所需的最小磁盘大小（含）',
    what: '计算机与其他计算机共享时，缓存所在卷的最小容量（含此值）',
    why: '沿用 Microsoft 的值。磁盘按十进制 GB 销售，因此这里 1 GB 为 1,000,000,000 字节'
  },
  DOMinFileSizeToCache: {
    name: '对等缓存内容的最小文件大小',
    what: '小于此值的内容不共享',
    why: 'Microsoft 的文档写的是 50 和 100，并建议设备超过 100 台时用 1。一个分块为 1 MiB：从这个大小起，共享比使用广域网更划算'
  },
  DOMaxCacheSize: {
    name: '最大缓存大小（百分比）',
    what: '缓存最多可占用其所在卷的百分比',
    why: '未设置：以 cacheQuotaBytes 为准（Microsoft 为 20%）；设置后取代它。百分比按整个卷而不是当前可用空间计算，否则缓存越满就会越缩越小'
  },
  DOAbsoluteMaxCacheSize: {
    name: '绝对最大缓存大小',
    what: '缓存最多可占用的空间，取代 DOMaxCacheSize 和 cacheQuotaBytes；0 表示除必须保留的空间外全部可用',
    why: 'Microsoft 2024 年的文档没有默认值，2022 年的为 10 GB。未设置：以 DOMaxCacheSize 或 cacheQuotaBytes 为准'
  },
  DOMaxCacheAge: {
    name: '最长缓存期限',
    what: '内容下载完整后保留多长时间；0 表示只要有空间就保留',
    why: 'Microsoft 的文档写的是 3 天和 7 天。不用的内容本来就会先被清除，而休假归来的笔记本电脑仍能找到所需内容'
  },
  DOModifyCacheDrive: {
    name: '修改缓存驱动器',
    what: '缓存所在的驱动器或文件夹',
    why: '未设置：位于数据文件夹中，由系统保护',
    form: '驱动器号（如 D:）、文件夹，或变量（如 %SystemDrive%）'
  },
  DOMinBackgroundQos: {
    name: '最低后台 QoS',
    what: '后台下载从对等方得到的速度低于此值时，其余部分经广域网获取',
    why: 'Microsoft 的文档写的是 500、2500 和 20480。未设置：站点内的代理知道彼此在获取什么，再经广域网取一份只会让其中一台更快'
  },
  DOMonthlyUploadDataCap: {
    name: '每月上传数据上限',
    what: '此代理每个自然月最多向其他站点的代理提供的数据量；0 表示不提供',
    why: 'Microsoft 的文档写的是 20 和 5120：取较小值，因为通往其他站点的线路需要付费。本站点内的不计入'
  },
  DOAllowVPNPeerCaching: {
    name: '允许设备通过 VPN 连接时使用对等缓存',
    what: '通过 VPN 连接时也共享',
    why: '沿用 Microsoft 的值：VPN 另一端的对等方并不比源站更近。当 DORestrictPeerSelectionBy 为 2 时，仍会与同一链路上的代理共享',
    codes: yesNo
  },
  DOVpnKeywords: {
    name: 'VPN 关键字',
    what: '说明或名称中包含其中任一关键字的网络适配器视为 VPN，系统报告为 VPN 的适配器也是',
    why: '沿用 Microsoft 的三个关键字',
    form: '关键字，以逗号分隔'
  },
  DODisallowCacheServerDownloadsOnVPN: {
    name: '不允许通过 VPN 从缓存服务器下载',
    what: '通过 VPN 连接时不使用缓存服务器',
    why: '沿用 Microsoft 的值：即使通过 VPN，公司内的缓存服务器也可能是最近的来源',
    codes: yesNo
  },
  DOMinBatteryPercentageAllowedToUpload: {
    name: '允许使用电池上传的最低电量（百分比）',
    what: '使用电池供电时，电量不低于此值才向其他代理提供内容；0 表示使用电池时不提供。下载不受影响',
    why: '沿用 Microsoft 的值：不为他人缩短任何人的使用时间。如果只有笔记本电脑，Microsoft 的文档建议 40 和 60'
  },
  DOPercentageMaxForegroundBandwidth: {
    name: '最大前台下载带宽（百分比）',
    what: '有人等待的下载可占用的广域网线路百分比；0 表示不限制',
    why: '有人等待时，以线路允许的最快速度提供。百分比按 wanLineBytesPerSecond 计算，未设置时按测得的速度；始终不包括对等方之间的流量'
  },
  DOPercentageMaxBackgroundBandwidth: {
    name: '最大后台下载带宽（百分比）',
    what: '后台下载可占用的广域网线路百分比；0 表示不限制',
    why: yieldsByItself
  },
  DOMaxForegroundDownloadBandwidth: {
    name: '最大前台下载带宽',
    what: '此代理为有人等待的下载经广域网使用的最大带宽；0 表示不限制',
    why: '有人等待时，以线路允许的最快速度提供。同时设置了百分比时，以较小值为准'
  },
  DOMaxBackgroundDownloadBandwidth: {
    name: '最大后台下载带宽',
    what: '此代理为后台下载经广域网使用的最大带宽；0 表示不限制',
    why: yieldsByItself
  },
  DOSetHoursToLimitForegroundDownloadBandwidth: foreground.on,
  DOSetHoursToLimitForegroundDownloadBandwidthFrom: foreground.from,
  DOSetHoursToLimitForegroundDownloadBandwidthTo: foreground.to,
  DOSetHoursToLimitForegroundDownloadBandwidthIn: foreground.in,
  DOSetHoursToLimitForegroundDownloadBandwidthOut: foreground.out,
  DOSetHoursToLimitBackgroundDownloadBandwidth: background.on,
  DOSetHoursToLimitBackgroundDownloadBandwidthFrom: background.from,
  DOSetHoursToLimitBackgroundDownloadBandwidthTo: background.to,
  DOSetHoursToLimitBackgroundDownloadBandwidthIn: background.in,
  DOSetHoursToLimitBackgroundDownloadBandwidthOut: background.out,
  DODelayForegroundDownloadFromHttp: {
    name: '延迟从 HTTP 的前台下载',
    what: '有人等待时，对等方多久没有进展就提前经 HTTP 获取其分块',
    why: 'Microsoft 没有默认值，建议 30 和 60。此值远大于局域网内接替所需的时间（数百毫秒），又远小于会被当作卡住的时间；站点内无人拥有也无人在获取的内容会立即获取'
  },
  DODelayBackgroundDownloadFromHttp: {
    name: '延迟从 HTTP 的后台下载',
    what: '无人等待的后台下载，对等方多久没有进展就提前经 HTTP 获取其分块',
    why: 'Microsoft 没有默认值，建议 60 和 3600。缓存服务器 20 秒不发送数据，Windows 就会弃用它；取其一半可为源站的响应留出时间'
  },
  DODelayCacheServerFallbackForeground: {
    name: '延迟前台下载的缓存服务器回退',
    what: '有人等待的下载在转向源站之前，尝试缓存服务器多长时间；先经过对等方的延迟',
    why: firstFailure
  },
  DODelayCacheServerFallbackBackground: {
    name: '延迟后台下载的缓存服务器回退',
    what: '后台下载在转向源站之前，尝试缓存服务器多长时间；先经过对等方的延迟',
    why: firstFailure
  },
  DOCacheHost: {
    name: '缓存服务器主机名',
    what: '先于源站询问的缓存服务器（连接缓存、网关），按此顺序逐个询问',
    why: '无：站点内的代理就是其缓存',
    form: '名称或地址，以逗号分隔'
  },
  DOCacheHostSource: {
    name: '缓存服务器主机名的来源',
    what: '缓存服务器的来源：0 DOCacheHost；1 DOCacheHost，为空时用 DHCP 选项 235；2 DHCP 选项 235，仅当其内容无效时用 DOCacheHost',
    why: '对 Windows 而言，未设置表示使用 DNS-SD；这里与 0 一样只表示 DOCacheHost，因为局域网内任何计算机都可以应答 DNS-SD',
    codes: { 0: '不使用 DNS-SD', 1: 'DHCP 选项 235', 2: '强制 DHCP 选项 235' }
  },
  DOMaxDownloadBandwidth: {
    name: '最大下载带宽',
    what: '此代理在前台和后台经广域网使用的最大带宽；0 表示不限制',
    why: superseded
  },
  DOPercentageMaxDownloadBandwidth: {
    name: '最大下载带宽（百分比）',
    what: '前台和后台下载可占用的广域网线路百分比；0 表示不限制',
    why: superseded
  },
  DOMaxUploadBandwidth: {
    name: '最大上传带宽',
    what: '此代理向对等方上传的最大带宽；0 表示不限制',
    why: '自 Windows 10 2004 起已被取代。与 maxLanUploadBytesPerSecond 同时设置时，以较小的限制为准'
  },
  upstreamSlots: {
    name: '每个代理的同时上游获取数',
    what: '此代理为一个传输同时进行的上游获取数',
    why: '只有一个时，两段之间线路会空闲一个往返时间；两个可使线路保持忙碌，第三个只会让此代理占住更多站点正在等待的内容'
  },
  siteUpstreamSlots: {
    name: '每个站点的同时上游获取数',
    what: '站点内所有代理为一个传输同时进行的上游获取数',
    why: '与浏览器对一台主机打开的连接数相同：即使每个连接有限速也足以用满线路，又少到分块能很快且基本按顺序到达，并且不会压垮较慢的源站'
  },
  uploadSlots: {
    name: '同时上传的分块数',
    what: '此代理同时向对等方提供的分块数',
    why: '在 1 Gbit/s 下，一个分块约 9 毫秒即可发出，因此八个可共用满负荷线路，且每个等待不到 100 毫秒；传递优化为 4，针对的是家庭用户的线路'
  },
  downloadSlots: {
    name: '同时向对等方请求的分块数',
    what: '所有传输合计，正在向对等方请求的分块数',
    why: '每个占用 1 MiB 内存：最多 16 MiB，并且是一个对等方上传数的两倍，因此不会因某个对等方繁忙而闲置'
  },
  wanLineBytesPerSecond: {
    name: '广域网线路速率',
    what: '站点的广域网线路每秒的传输量，各百分比以此为基准；0 表示使用测得的值',
    why: '在经线路获取过内容之前，对它一无所知'
  },
  maxWanDownloadBytesPerSecond: {
    name: '最大广域网下载速率',
    what: '此代理每秒经广域网获取的最大数据量，前台与后台合计；0 表示不限制',
    why: '两者各有自己的限制（DOMaxForegroundDownloadBandwidth、DOMaxBackgroundDownloadBandwidth）'
  },
  hoursToLimitForegroundDownload: {
    name: '前台下载的限速时段',
    what: '一周中的时段（本地时间）及其中对前台下载的限制；以第一个匹配的为准',
    why: '无：整周使用同一限制。优先于 DOSetHoursToLimitForegroundDownloadBandwidth',
    form: hoursForm
  },
  hoursToLimitBackgroundDownload: {
    name: '后台下载的限速时段',
    what: '一周中的时段（本地时间）及其中对后台下载的限制；以第一个匹配的为准',
    why: '无：整周使用同一限制。优先于 DOSetHoursToLimitBackgroundDownloadBandwidth',
    form: hoursForm
  },
  maxBackgroundQueueDelayMs: {
    name: '后台下载的最大排队延迟',
    what: '后台下载会放慢速度，使数据包在广域网线路前的等待时间不超过此值；0 表示不放慢',
    why: 'RFC 6817 及其后续标准以 60 到 100 毫秒为目标：通话时还察觉不到'
  },
  maxLanDownloadBytesPerSecond: {
    name: '最大局域网下载速率',
    what: '此代理每秒从对等方获取的最大数据量；0 表示不限制',
    why: '局域网有余量，而来自对等方的分块正是节省广域网流量的方式'
  },
  maxLanUploadBytesPerSecond: {
    name: '最大局域网上传速率',
    what: '此代理每秒向对等方提供的最大数据量；0 表示不限制',
    why: '局域网有余量；Wi-Fi 另有 maxWifiUploadBytesPerSecond'
  },
  maxWifiDownloadBytesPerSecond: {
    name: '最大 Wi-Fi 下载速率',
    what: '使用 Wi-Fi 时，此代理每秒从对等方获取的最大数据量；0 表示与有线连接相同',
    why: '同一接入点上的对等方共用无线信道，但请求数会随所需时间调整，为其留出余量'
  },
  maxWifiUploadBytesPerSecond: {
    name: '最大 Wi-Fi 上传速率',
    what: '使用 Wi-Fi 时，此代理每秒向对等方提供的最大数据量；0 表示与有线连接相同',
    why: '同一接入点上两台计算机之间的每个字节都要经过无线信道两次；如果这造成影响，其管理员知道合适的速率'
  },
  uploadOnMetered: {
    name: '在按流量计费的连接上上传',
    what: '在系统标记为按流量计费的连接上也向其他代理提供内容',
    why: '有人在为每个字节付费'
  },
  upstreamWeight: {
    name: '使用广域网的意愿',
    what: '此代理为其站点使用广域网的意愿：0 从不使用，1000 最先使用。使用 Wi-Fi 时按一半计，使用电池时按四分之一计',
    why: '取中间值，管理员既可以优先使用某些计算机，也可以少用某些计算机；有线连接且接通电源的计算机自然优先'
  },
  siteDefinitions: {
    name: '站点定义',
    what: '按网络、Active Directory 站点或 DNS 后缀，定义哪些计算机属于哪个站点；以第一个匹配的为准。为此代理指定的站点优先',
    why: '无：一个办公室就是一个站点，不会移动的计算机可以由票据指定站点',
    form: '对象列表，例如 [{ "id": "north", "networks": ["10.1.0.0/16"] }]'
  },
  site: {
    name: '站点名称',
    what: '站点的名称：共用同一出口的代理。成员身份中的站点优先于此项',
    why: '只有一个办公室时不需要名称',
    form: '1 到 64 个字母、数字、点、连字符或下划线'
  },
  membersMaySign: {
    name: '允许成员为内容签名',
    what: '没有网关工作时，采信站点中普通成员对其所获取内容的签名',
    why: '如果关闭，网关不在时每个代理都要各取一份；如果打开，恶意成员可能冒充名称中不含摘要的内容'
  },
  upstreamServers: {
    name: '上游服务器',
    what: '网关、代理服务器和直接连接，及其运行状况检查和权重，取代 proxies（docs/DEPLOY.md）',
    why: '无：直接连接源站',
    form: '对象列表，例如 [{ "name": "gw-1", "kind": "gateway", "url": "http://gw-1.example:17831" }]'
  },
  upstreamRules: {
    name: '上游规则',
    what: '哪些主机和内容类别使用 upstream.servers 中的哪些服务器；以第一个匹配的为准',
    why: '无：先用网关，其次是代理服务器，最后直接连接',
    form: '对象列表，例如 [{ "hosts": ["*.corp.example"], "use": ["direct"] }]'
  },
  contentClasses: {
    name: '自定义内容类别',
    what: '自定义的内容类别：哪些 URL 是同一内容，以及如何共享（docs/CLASSES.md）',
    why: 'Windows 和常用包管理器下载的内容已经内置',
    form: '对象列表，例如 [{ "id": "model-hub", "hosts": ["*.models.example"], "paths": ["/blobs/{sha256}"] }]'
  },
  proxyRules: {
    name: '代理服务器规则',
    what: '谁可以请求什么：以第一个匹配的规则为准；没有规则匹配的则允许（docs/DEPLOY.md）',
    why: '无：更新需要什么无法预先得知，而谁可以使用代理服务器由 proxy.clients 决定',
    form: '对象列表，例如 [{ "name": "no-video", "action": "deny", "hosts": ["*.video.example"] }]'
  },
  proxyClients: {
    name: '可使用代理服务器的网络',
    what: '除本机外，哪些网络中的计算机可以使用代理服务器和缓存服务器功能',
    why: '无：只有网关为没有代理的计算机服务，其管理员知道是哪些计算机',
    form: '地址或网络，例如 10.1.0.0/16，以逗号分隔'
  },
  proxyLimitsLocal: {
    name: '对本机程序应用客户端限制',
    what: '对客户端的限制是否也适用于本机的程序',
    why: '终端只为自己服务：限制只会使其程序互相拖慢'
  },
  proxyLimitsRequestsPerSecond: {
    name: '每个客户端的每秒请求数',
    what: '一个客户端长期平均每秒可发出的请求数；0 表示不限制',
    why: '浏览器加载一个页面约发出一百个请求；一直超过此值的计算机已不正常'
  },
  proxyLimitsRequestBurst: {
    name: '每个客户端的突发请求数',
    what: '一个客户端在受每秒请求数约束之前可以一次发出的请求数',
    why: '包管理器还原一个项目时，会在数秒内请求上千个文件'
  },
  proxyLimitsRequestsAtOnce: {
    name: '每个客户端的并发请求数',
    what: '同时为一个客户端处理的请求数；0 表示不限制',
    why: '浏览器对一台主机使用六个，包管理器使用数十个'
  },
  proxyLimitsConnections: {
    name: '每个客户端的连接数',
    what: '一个客户端可以保持的连接数，包括隧道；0 表示不限制',
    why: '是代理服务器总连接数的十分之一，又多于打开一百个标签页的浏览器'
  },
  proxyLimitsBytesPerDay: {
    name: '每个客户端的每日流量',
    what: '一个客户端每天（本地时间）可收发的字节数；0 表示不限制',
    why: '无：被代理服务器拒绝的客户端会绕过它，给线路带来更大的负担'
  },
  proxyLimitsUploadBytes: {
    name: '最大请求正文',
    what: '可转发的最大请求正文；0 表示不限制',
    why: '无：大的上传大多经过隧道，代理服务器看不到其内容'
  },
  proxyLimitsHeaderBytes: {
    name: '最大请求头',
    what: '可接受的最大请求头',
    why: '签名的 URL 和 Cookie 很长；真实的客户端不会发送超过此值的请求头'
  },
  interceptEnabled: {
    name: '启用 TLS 拦截',
    what: '解开到 intercept.hosts 中主机的 TLS 连接，使通过 https 传输的内容也能共享',
    why: '这会打破程序所依赖的承诺；由管理员指定对哪些主机启用，并部署 `starling ca init` 生成的 CA'
  },
  interceptHosts: {
    name: 'TLS 拦截的主机',
    what: '可以解开其 TLS 连接的主机；其下从不拦截的主机仍不解开',
    why: '无：每一台都应由管理员决定',
    form: '主机，例如 downloads.example 或 *.vendor.example（端口不是 443 时加 :端口），以逗号分隔；不能是公共后缀（com、co.uk、github.io），也不能是无论如何都不拦截的主机（见 docs/DEPLOY.md）'
  },
  cacheQuotaBytes: {
    name: '缓存配额',
    what: '缓存最多可占用的空间',
    why: '一个功能更新为 4 到 6 GiB；此值足以同时保留它和数月的累积更新'
  },
  cacheSmallQuotaBytes: {
    name: '小型响应的缓存配额',
    what: '小型响应（RFC 9111）在配额之外最多可占用的磁盘空间；0 表示仅保留在内存中',
    why: '足以保存数千个目录、清单和哈希文件，每个只有几 KiB'
  },
  cacheFloorBytes: {
    name: '磁盘保留空间',
    what: '无论配额如何，卷上必须保留的可用空间',
    why: '卷满会使系统无法正常工作；缓存小只是慢一些'
  },
  pageHost: {
    name: '本地页面的地址',
    what: '本地页面和 API 的地址',
    why: '它显示本机获取了什么，这与他人无关',
    form: '环回地址：127.0.0.1 或 ::1'
  },
  pagePort: {
    name: '本地页面的端口',
    what: '本地页面和 API 的 TCP 端口；0 表示由系统选择',
    why: '使用固定端口，便于将页面加入书签'
  },
  accessLogEnabled: {
    name: '访问日志',
    what: '将代理服务器的每个请求记录到数据文件夹的 logs/access-*.jsonl 中；auto 表示仅在网关上记录',
    why: '网关为他人服务，必须能够说明情况；用户在自己的计算机上获取什么是其私事'
  },
  accessLogAudit: {
    name: '审计日志',
    what: '将拒绝、清除和更改记录到数据文件夹的 logs/audit-*.jsonl 中',
    why: '行数不多，却是谁更改了什么的唯一记录'
  },
  accessLogFileBytes: {
    name: '日志文件大小',
    what: '日志文件达到此大小后开始新的文件',
    why: '约 50,000 个请求，任何编辑器仍能打开'
  },
  accessLogFiles: {
    name: '日志文件数',
    what: '每种日志保留的文件数，最旧的先删除',
    why: '约五十万个请求'
  },
  honourDeliveryOptimizationPolicies: {
    name: '沿用传递优化的策略',
    what: '通过组策略和 MDM 为传递优化设置的策略是否也适用于此代理；Starling 自己的注册表项优先',
    why: '将传递优化留给 Windows 的机群，不应因设置传递优化而改变代理的行为'
  }
}
