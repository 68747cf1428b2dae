/**
 * Numbers and names as people read them. Pure functions, no DOM.
 */

const byteUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

/** Three digits at the most, as `1.23 GiB`, `45.6 MiB`, `789 KiB`. @param {number} bytes */
export function formatBytes(bytes) {
  let value = Math.max(0, bytes)
  let unit = 0
  while (value >= 999.5 && unit < byteUnits.length - 1) {
    value /= 1024
    unit++
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2
  return `${value.toFixed(digits)} ${byteUnits[unit]}`
}

/** The two largest units, as `3 h 12 min`. @param {number} ms */
export function formatSpan(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000))
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min ${String(seconds % 60).padStart(2, '0')} s`
  const hours = Math.floor(minutes / 60)
  if (hours < 48) return `${hours} h ${String(minutes % 60).padStart(2, '0')} min`
  return `${Math.floor(hours / 24)} d ${hours % 24} h`
}

/** The largest unit is enough. @param {number} ms */
export function formatAgo(ms) {
  if (ms < 5000) return 'now'
  const [amount, unit] = formatSpan(ms).split(' ')
  return `${amount} ${unit} ago`
}

/** @param {number} part @param {number} whole */
export function formatShare(part, whole) {
  if (whole <= 0) return '0 %'
  const share = (100 * part) / whole
  // Neither "100 %" while something is missing nor "0 %" while there is something.
  if (part < whole && share >= 99.5) return '> 99 %'
  if (part > 0 && share < 0.5) return '< 1 %'
  return `${Math.round(share)} %`
}

/**
 * A name from the network as it may be shown: what could turn the text round or hide in it becomes visible.
 * @param {string} text
 */
export function safeText(text) {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '\ufffd')
}

/** The last part of a key's path, for people; the whole key when there is none. @param {string} key */
export function nameOf(key) {
  const last =
    key
      .replace(/[?#].*$/s, '')
      .replace(/\/+$/, '')
      .split('/')
      .at(-1) ?? ''
  return safeText(last === '' ? key : last)
}

/** The host part of a key. @param {string} key */
export function hostOf(key) {
  return safeText(key.split('/')[0] ?? '')
}

/** Enough of an agent's id to tell it from others. @param {string} id */
export function shortId(id) {
  return safeText(id.length > 16 ? `…${id.slice(-8)}` : id)
}

/** @param {number} count @param {string} one @param {string} many */
export function plural(count, one, many = `${one}s`) {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`
}
