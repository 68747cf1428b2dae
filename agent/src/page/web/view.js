/**
 * From a status to what is on the screen, section by section. All that comes from outside goes through `safeText`.
 */
import { at, drawBar, keyed, make, setAttribute, setText } from './dom.js'
import {
  formatAgo,
  formatBytes,
  formatShare,
  formatSpan,
  hostOf,
  nameOf,
  plural,
  safeText,
  shortId
} from './format.js'

/** @typedef {import('../../ports.ts').AgentStatus & { transfersTotal: number }} Status */
/** @typedef {import('../../ports.ts').TransferView} Transfer */
/** @typedef {import('../../ports.ts').PeerView} Peer */
/** @typedef {import('./dom.js').Part} Part */

/** The bytes of a transfer that are here, by where they came from. @param {Transfer} transfer @returns {Part[]} */
export function partsOf({ bytes, keptBytes }) {
  const received = bytes.fromPeers + bytes.fromGateway + bytes.fromUpstream
  // Received can be more than kept (duplicates); the bar then shows the proportions of what is kept.
  const scale = received > keptBytes && received > 0 ? keptBytes / received : 1
  return [
    { name: 'cache', words: 'kept before', bytes: Math.max(0, keptBytes - received) },
    { name: 'peers', words: 'LAN peers', bytes: bytes.fromPeers * scale },
    { name: 'gateway', words: 'gateway', bytes: bytes.fromGateway * scale },
    { name: 'origin', words: 'origin', bytes: bytes.fromUpstream * scale }
  ]
}

/** @param {string} selector @param {ReadonlyArray<readonly [string, string]>} rows */
function drawTerms(selector, rows) {
  keyed(
    at(selector),
    rows,
    ([term]) => term,
    ([term]) => {
      const node = make('div')
      node.append(make('dt', '', term), make('dd'))
      return node
    },
    (node, [, value]) => setText(/** @type {Element} */ (node.lastElementChild), value)
  )
}

/** @param {Status} status */
function drawHeader(status) {
  setText(at('#identity'), `${shortId(status.id)} · site ${safeText(status.site)} · ${status.role}`)
  setAttribute(at('#identity'), 'title', status.id)
  const { kind, since, problem } = status.coordinator
  const pill = at('#coordinator')
  const words = {
    none: 'no coordinator',
    never: 'coordinator not reached',
    connected: 'coordinator',
    lost: 'coordinator lost'
  }
  pill.hidden = false
  setText(pill, kind === 'lost' ? `${words[kind]} ${formatAgo(status.now - since)}` : words[kind])
  setAttribute(pill, 'data-state', kind === 'connected' ? 'good' : kind === 'none' ? 'plain' : 'bad')
  setAttribute(pill, 'title', safeText(problem ?? `since ${new Date(since).toLocaleString()}`))
  setText(at('#proxy'), status.proxyAddress)
}

/** @param {Status} status */
function drawProblems(status) {
  const problems = [
    ...new Set([
      ...status.problems,
      ...(status.coordinator.problem === null ? [] : [`Coordinator: ${status.coordinator.problem}`])
    ])
  ]
  at('#problems').hidden = problems.length === 0
  keyed(
    at('#problems ul'),
    problems,
    text => text,
    text => make('li', '', safeText(text)),
    () => {}
  )
}

/** @param {Status} status */
function drawSources({ totals, proxy, smallCache }) {
  const parts = [
    { name: 'cache', words: 'Cache', bytes: totals.fromCache },
    { name: 'peers', words: 'LAN peers', bytes: totals.fromPeers },
    { name: 'gateway', words: 'Gateway', bytes: totals.fromGateway },
    { name: 'origin', words: 'Origin', bytes: totals.fromUpstream }
  ]
  const whole = parts.reduce((sum, part) => sum + part.bytes, 0)
  const spared = whole - totals.fromUpstream
  setText(at('#share'), whole === 0 ? 'Nothing yet' : formatShare(spared, whole))
  setText(at('#share-words'), whole === 0 ? '' : `of ${formatBytes(whole)} did not come from the origin`)
  drawBar(at('#sources-bar'), parts, whole, 'Bytes by source')
  keyed(
    at('#legend'),
    parts,
    part => part.name,
    part => {
      const node = make('div')
      const term = make('dt')
      term.append(make('span', `swatch ${part.name}`), part.words)
      node.append(term, make('dd'))
      return node
    },
    (node, part) => {
      setText(
        /** @type {Element} */ (node.lastElementChild),
        `${formatBytes(part.bytes)} · ${formatShare(part.bytes, whole)}`
      )
    }
  )
  drawTerms('#counters', [
    ['Given to programs here', formatBytes(totals.toClients)],
    ['Given to peers', formatBytes(totals.toPeers)],
    ['Thrown away', formatBytes(totals.wasted)],
    [
      'Small things, from here',
      `${formatBytes(proxy.bytes.cache)} in ${proxy.answers.cache} answers, ${smallCache.entries} kept`
    ],
    ['Passed through', `${formatBytes(proxy.bytes.pass)} in ${proxy.answers.pass} answers`]
  ])
}

/** @param {Transfer} transfer */
export function isUnderWay(transfer) {
  return transfer.readers > 0 || (!transfer.complete && transfer.peers > 0)
}

/** @param {Status} status @param {ReadonlyMap<string, number>} rates */
function drawTransfers(status, rates) {
  const active = status.transfers.filter(isUnderWay)
  setText(at('#transfers-count'), active.length === 0 ? '' : String(active.length))
  at('#transfers-empty').hidden = active.length > 0
  keyed(
    at('#transfers .cards'),
    active,
    transfer => transfer.transfer,
    () => {
      const card = make('li', 'card')
      const title = make('h3')
      const bar = make('div', 'bar tall')
      bar.setAttribute('role', 'img')
      card.append(
        title,
        make('p', 'key'),
        bar,
        make('p', 'figures'),
        make('p', 'split'),
        make('ul', 'troubles')
      )
      return card
    },
    (card, transfer) => {
      const [title, key, bar, figures, split, troubles] = /** @type {HTMLElement[]} */ ([...card.children])
      if (!title || !key || !bar || !figures || !split || !troubles) return
      const name = nameOf(transfer.key)
      const rate = rates.get(transfer.transfer) ?? 0
      const left = transfer.length - transfer.keptBytes
      setText(title, name)
      setText(key, safeText(transfer.key))
      const parts = partsOf(transfer)
      drawBar(bar, parts, transfer.length, name)
      setText(
        figures,
        [
          formatShare(transfer.keptBytes, transfer.length),
          `${formatBytes(transfer.keptBytes)} of ${formatBytes(transfer.length)}`,
          rate > 0 ? `${formatBytes(rate)}/s` : transfer.complete ? 'complete' : 'waiting',
          ...(!transfer.complete && rate > 0 ? [`${formatSpan((1000 * left) / rate)} left`] : []),
          ...(transfer.peers > 0 ? [plural(transfer.peers, 'peer')] : []),
          ...(transfer.readers > 0 ? [plural(transfer.readers, 'program reads', 'programs read')] : [])
        ].join(' · ')
      )
      const told = parts
        .filter(part => part.bytes >= 1)
        .map(part => `${part.words} ${formatBytes(part.bytes)}`)
      setText(split, told.length === 0 ? 'nothing here yet' : told.join(' · '))
      keyed(
        troubles,
        transfer.problems,
        text => text,
        text => make('li', '', safeText(text)),
        () => {}
      )
    }
  )
}

/**
 * A row whose cells carry their column's name, for narrow screens where the head of the table is gone.
 * @param {readonly string[]} columns @param {readonly string[]} classes
 */
function makeRow(columns, classes) {
  const row = make('tr')
  for (const [index, column] of columns.entries()) {
    const cell = make(index === 0 ? 'th' : 'td', classes[index])
    if (index === 0) cell.setAttribute('scope', 'row')
    cell.dataset['column'] = column
    row.append(cell)
  }
  return row
}

/** @param {Status} status */
function drawPeers(status) {
  const { peers } = status
  setText(at('#peers-count'), peers.length === 0 ? '' : String(peers.length))
  at('#peers-empty').hidden = peers.length > 0
  at('#peers table').hidden = peers.length === 0
  keyed(
    at('#peers tbody'),
    peers,
    peer => peer.id,
    () =>
      makeRow(
        ['Agent', 'Role', 'Address', 'Connected', 'We took', 'We gave'],
        ['id', '', 'address', 'num', 'num', 'num']
      ),
    (row, peer) => {
      const texts = [
        shortId(peer.id),
        peer.role,
        safeText(peer.address),
        formatSpan(status.now - peer.connectedAt),
        formatBytes(peer.bytesFrom),
        formatBytes(peer.bytesTo)
      ]
      for (const [index, text] of texts.entries()) setText(/** @type {Element} */ (row.children[index]), text)
      setAttribute(/** @type {Element} */ (row.children[0]), 'title', safeText(peer.id))
    }
  )
  const refused = Object.entries(status.refusals).filter(([, count]) => count > 0)
  at('#refusals').hidden = refused.length === 0
  setText(
    at('#refusals'),
    `Contacts that failed: ${refused.map(([reason, count]) => `${safeText(reason)} ${count}`).join(', ')}`
  )
}

/** @param {Status} status */
function drawCache(status) {
  const { store, transfers } = status
  setText(at('#cache-count'), status.transfersTotal === 0 ? '' : String(status.transfersTotal))
  drawBar(
    at('#cache-bar'),
    [{ name: 'used', words: 'used', bytes: Math.min(store.usedBytes, store.quotaBytes) }],
    store.quotaBytes,
    'Cache'
  )
  setText(
    at('#cache-words'),
    `${formatBytes(store.usedBytes)} of ${formatBytes(store.quotaBytes)} used · ` +
      `${formatBytes(store.freeBytes)} free on the volume, ${formatBytes(store.floorBytes)} stay free`
  )
  at('#cache-empty').hidden = transfers.length > 0
  at('#cache table').hidden = transfers.length === 0
  keyed(
    at('#cache tbody'),
    transfers,
    transfer => transfer.transfer,
    () => {
      const row = makeRow(['Content', 'Size', 'Kept', 'Last used'], ['content', 'num', 'kept', 'num'])
      const [content, , kept] = /** @type {HTMLElement[]} */ ([...row.children])
      content?.append(make('span', 'name'), make('span', 'host'))
      const bar = make('div', 'bar')
      bar.setAttribute('role', 'img')
      kept?.append(bar, make('span', 'share'))
      return row
    },
    (row, transfer) => {
      const [content, size, kept, used] = /** @type {HTMLElement[]} */ ([...row.children])
      const [name, host] = /** @type {HTMLElement[]} */ ([...(content?.children ?? [])])
      const [bar, share] = /** @type {HTMLElement[]} */ ([...(kept?.children ?? [])])
      if (!content || !size || !used || !name || !host || !bar || !share) return
      setText(name, nameOf(transfer.key))
      setText(host, `${hostOf(transfer.key)}${transfer.pinned ? ' · pinned' : ''}`)
      setAttribute(content, 'title', safeText(transfer.key))
      setText(size, formatBytes(transfer.length))
      drawBar(bar, partsOf(transfer), transfer.length, nameOf(transfer.key))
      setText(share, formatShare(transfer.keptBytes, transfer.length))
      setText(used, formatAgo(status.now - transfer.lastUsedAt))
    }
  )
  const hidden = status.transfersTotal - transfers.length
  at('#cache-more').hidden = hidden <= 0
  setText(at('#cache-more'), `and ${plural(hidden, 'more')}; starling cache ls lists them all`)
}

/** `delayForegroundDownloadFromHttpMs` as words. @param {string} name */
function wordsOf(name) {
  return name.replace(/(Ms|Bytes)$/, '').replace(/[A-Z]/g, letter => ` ${letter.toLowerCase()}`)
}

/** @param {Status} status */
function drawFacts(status) {
  drawTerms('#facts', [
    ['Agent', status.id],
    ['Version', status.version],
    ['Running for', formatSpan(status.now - status.startedAt)],
    ['Process', String(status.pid)],
    ['Proxy', status.proxyAddress],
    ['Addresses for peers', status.addresses.map(safeText).join('\n') || 'none'],
    ...Object.entries(status.policy).map(
      ([name, value]) =>
        /** @type {const} */ ([
          `Policy: ${wordsOf(name)}`,
          name.endsWith('Ms') ? `${Number(value)} ms` : String(value)
        ])
    )
  ])
}

/** @param {Status} status @param {ReadonlyMap<string, number>} rates bytes a second, by transfer */
export function draw(status, rates) {
  at('main').hidden = false
  drawHeader(status)
  drawProblems(status)
  drawSources(status)
  drawTransfers(status, rates)
  drawPeers(status)
  drawCache(status)
  drawFacts(status)
  const busiest = status.transfers.find(isUnderWay)
  document.title =
    busiest === undefined
      ? 'Starling'
      : `${formatShare(busiest.keptBytes, busiest.length)} ${nameOf(busiest.key)} · Starling`
}

/** @param {'good' | 'bad' | 'waiting'} state @param {string} words */
export function drawLive(state, words) {
  const pill = at('#live')
  setText(pill, words)
  setAttribute(pill, 'data-state', state)
  document.body.classList.toggle('stale', state === 'bad')
}
