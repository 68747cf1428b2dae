/**
 * The few things that are done to the page's nodes. Nodes are kept and only what differs is written, so that a reader's
 * selection, focus and scroll stay where they are at four updates a second. Text goes in as text, never as HTML.
 */
import { formatBytes } from './format.js'

/** @typedef {{ name: string, words: string, bytes: number }} Part */

/** @param {string} selector @returns {HTMLElement} */
export function at(selector) {
  const node = document.querySelector(selector)
  if (!(node instanceof HTMLElement)) throw new Error(`the page has no ${selector}`)
  return node
}

/** @param {Element} node @param {string} text */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text
}

/** @param {Element} node @param {string} name @param {string} value */
export function setAttribute(node, name, value) {
  if (node.getAttribute(name) !== value) node.setAttribute(name, value)
}

/** @param {string} tag @param {string} [className] @param {string} [text] */
export function make(tag, className = '', text = '') {
  const node = document.createElement(tag)
  if (className !== '') node.className = className
  if (text !== '') node.textContent = text
  return node
}

/**
 * Makes the children of `parent` those of `items`, in order, keeping the nodes of items that stay.
 * @template Item
 * @param {Element} parent
 * @param {readonly Item[]} items
 * @param {(item: Item) => string} keyOf
 * @param {(item: Item) => HTMLElement} create
 * @param {(node: HTMLElement, item: Item) => void} update
 */
export function keyed(parent, items, keyOf, create, update) {
  /** @type {Map<string, HTMLElement>} */
  const old = new Map()
  for (const child of parent.children) {
    if (child instanceof HTMLElement) old.set(child.dataset['key'] ?? '', child)
  }
  let place = parent.firstElementChild
  for (const item of items) {
    const key = keyOf(item)
    const node = old.get(key) ?? create(item)
    old.delete(key)
    node.dataset['key'] = key
    update(node, item)
    if (node === place) place = node.nextElementSibling
    else parent.insertBefore(node, place)
  }
  for (const node of old.values()) node.remove()
}

/** @param {Element} bar @param {readonly Part[]} parts @param {number} whole @param {string} subject */
export function drawBar(bar, parts, whole, subject) {
  keyed(
    bar,
    parts,
    part => part.name,
    part => make('span', `part ${part.name}`),
    (node, part) => {
      const width = whole > 0 ? `${((100 * part.bytes) / whole).toFixed(3)}%` : '0%'
      if (node.style.inlineSize !== width) node.style.inlineSize = width
      // Not even the gap beside it.
      node.hidden = part.bytes <= 0
    }
  )
  const told = parts.filter(part => part.bytes > 0).map(part => `${part.words} ${formatBytes(part.bytes)}`)
  setAttribute(bar, 'aria-label', `${subject}: ${told.length === 0 ? 'nothing yet' : told.join(', ')}`)
}
