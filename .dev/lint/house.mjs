// The house's own lint rules: who may import whom, what a pure room may not do, and who may skip a
// TLS check. They are here because no ready-made rule resolves an import and then asks a table.
// The table is the one of ARCHITECTURE.md ("Who may import whom"); change both together.
// To tell the linter that it is wrong: `// oxlint-disable-next-line house/rooms -- the reason`.

import { isBuiltin } from 'node:module'
import { dirname, join, relative, resolve, sep } from 'node:path'

const house = resolve(import.meta.dirname, '../..')
const compositionRoots = ['agent.ts', 'coordinator.ts', 'gateway.ts', 'main.ts']
const purePackages = ['@ipld/dag-cbor', '@noble/hashes', 'multiformats', 'tldts', 'zod']
/** What pages are made of; it is built into files, so none of it is there when a program runs. */
const webPackages = ['@tanstack/virtual-core', 'intl-messageformat', 'preact', 'uplot', 'uqr']
const testPackages = ['fast-check', 'vitest']
const sockets = ['dgram', 'dns', 'http', 'http2', 'https', 'net', 'timers', 'tls'].flatMap(name => [
  `node:${name}`,
  `node:${name}/promises`
])

/** The room a file of the house lies in, for example { pkg: 'agent', room: 'shell', shell: 'proxy' }. */
const roomOf = path => {
  const [pkg, first, second, ...deeper] = relative(house, path).split(sep)
  if (pkg === 'test') return { pkg, room: first === 'sim' ? 'sim' : 'test' }
  if (pkg === 'shared') return { pkg, room: first === 'web' ? 'web' : 'shared' }
  if (second === 'page' && deeper[0] === 'web') return { pkg, room: 'web' }
  if ((pkg !== 'agent' && pkg !== 'coordinator') || first !== 'src') return { pkg, room: 'tools' }
  if (pkg === 'agent' && second === 'identity' && deeper.length > 0) return { pkg, room: 'identity' }
  if (deeper.length > 0) {
    const room = { core: 'core', ports: 'family', telemetry: 'telemetry', wiring: 'wiring' }[second]
    return room ? { pkg, room } : { pkg, room: 'shell', shell: second }
  }
  const name = second.replace(/\.test\.ts$/, '.ts')
  if (compositionRoots.includes(name)) return { pkg, room: 'root', name }
  if (name === 'ports.ts' || name === 'fleet-ports.ts') return { pkg, room: 'ports' }
  if (name === 'run.ts') return { pkg, room: 'run' }
  return { pkg, room: 'common', file: name }
}

/** Where an import leads: a room of the house, a package, or Node. */
const target = (fromPath, specifier) => {
  if (specifier.startsWith('.')) return roomOf(resolve(dirname(fromPath), specifier))
  const [, pkg, rest] = specifier.match(/^@starling\/([^/]+)(?:\/(.*))?$/) ?? []
  if (pkg === 'test') return roomOf(join(house, 'test', rest ?? ''))
  if (pkg)
    return roomOf(
      rest?.startsWith('web/') ? join(house, pkg, rest) : join(house, pkg, 'src', rest ?? `${pkg}.ts`)
    )
  if (isBuiltin(specifier)) return { room: 'node', name: specifier }
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
  return { room: 'package', name }
}

// agent/src/identity is a library of keys, signatures and trust: the coordinator signs with it, and the roots
// hand it to the shells. The reader of a page's files it uses, too.
const identity = (from, to) =>
  (to.room === 'identity' && (from.pkg === 'coordinator' || from.room === 'identity')) ||
  (to.file === 'page-files.ts' && from.pkg === 'coordinator')
// agent/src/telemetry says how figures and spans are told; both processes tell theirs so.
const telemetry = to => to.room === 'telemetry'
const outside = to => to.room === 'package' || to.room === 'node'

// One file a family of ports; everybody else imports ports.ts, which has them all.
const ports = {
  may: (from, to, typeOnly) =>
    to.room === 'shared' ||
    (['core', 'family', 'ports'].includes(to.room) && to.pkg === from.pkg && typeOnly),
  wayOut: 'ports import only shared and, with `import type`, each other and their own core'
}

const table = {
  shared: {
    may: (_, to) => to.room === 'shared' || (to.room === 'package' && purePackages.includes(to.name)),
    wayOut: `shared imports only shared and ${purePackages.join(', ')}; what needs Node or more belongs in a shell`
  },
  core: {
    may: (from, to) => to.room === 'shared' || (to.room === 'core' && to.pkg === from.pkg),
    wayOut:
      'a core imports only shared and its own folder; have it return an effect and let run.ts hand that to a shell'
  },
  ports,
  family: ports,
  run: {
    may: (from, to) =>
      to.room === 'shared' || (['core', 'ports', 'run'].includes(to.room) && to.pkg === from.pkg),
    wayOut: 'run.ts imports only core, ports and shared; it is handed everything else'
  },
  identity: {
    may: (from, to) =>
      outside(to) || ['shared', 'identity'].includes(to.room) || (to.room === 'ports' && to.pkg === from.pkg),
    wayOut: 'identity is a library: it imports itself, ports, shared and packages, never a shell'
  },
  telemetry: {
    may: (_, to) => outside(to) || ['shared', 'telemetry'].includes(to.room),
    wayOut: 'telemetry is a library: it imports itself, shared and packages, never a shell'
  },
  common: {
    may: (from, to) =>
      identity(from, to) ||
      telemetry(to) ||
      outside(to) ||
      to.room === 'shared' ||
      (['common', 'ports'].includes(to.room) && to.pkg === from.pkg),
    wayOut: 'a file that every shell may import imports neither a shell nor the core itself'
  },
  shell: {
    may: (from, to) =>
      identity(from, to) ||
      telemetry(to) ||
      outside(to) ||
      to.room === 'shared' ||
      (to.pkg === from.pkg &&
        (to.shell === from.shell || ['common', 'ports'].includes(to.room)) &&
        to.room !== 'core') ||
      (from.shell === 'cli' && to.room === 'root' && to.pkg === from.pkg),
    wayOut:
      'a shell imports its own folder, ports, config, log, metrics, shared and packages (cli also agent.ts); ' +
      'another shell is handed to it as a port by agent.ts or coordinator.ts'
  },
  wiring: {
    may: (from, to) =>
      identity(from, to) ||
      outside(to) ||
      to.room === 'shared' ||
      (to.pkg === from.pkg && to.room !== 'root'),
    wayOut: 'wiring is imported by agent.ts and knows nothing of it: have it hand over what is needed'
  },
  root: {
    may: (from, to) =>
      identity(from, to) ||
      telemetry(to) ||
      outside(to) ||
      to.room === 'shared' ||
      to.pkg === from.pkg ||
      (from.pkg === 'coordinator' && from.name !== 'main.ts' && to.pkg === 'agent' && to.name === 'agent.ts'),
    wayOut:
      'agent and coordinator meet in shared; only coordinator.ts and gateway.ts import @starling/agent, and only its root'
  },
  web: {
    may: (from, to, typeOnly) =>
      ['web', 'shared'].includes(to.room) ||
      (to.room === 'package' && (webPackages.includes(to.name) || (typeOnly && to.name === 'zod'))) ||
      (to.pkg === from.pkg &&
        (typeOnly ? to.room === 'ports' || to.file === 'views.ts' : to.file === 'client.ts')),
    wayOut: `a page imports pages, shared and ${webPackages.join(', ')}, and its program's ports and views with \`import type\``
  },
  sim: {
    may: (_, to) =>
      ['sim', 'shared', 'core', 'package'].includes(to.room) ||
      (to.room === 'node' && !sockets.includes(to.name)),
    wayOut: 'the simulator runs cores and shared in virtual time, without shells and without sockets'
  },
  test: { may: () => true },
  tools: { may: () => true }
}

const rooms = {
  create(context) {
    const isTest = context.filename.endsWith('.test.ts')
    const from = roomOf(context.filename)
    const check = (node, source, typeOnly) => {
      if (typeof source?.value !== 'string') return
      const to = target(context.filename, source.value)
      if (source.value.startsWith('.') && to.pkg !== from.pkg && to.room !== 'test') {
        const way = `import it by its package name: @starling/${to.pkg}/...`
        return context.report({ node: source, message: `'${source.value}' leaves the package: ${way}` })
      }
      const forTests =
        to.room === 'test' || to.room === 'node' || testPackages.includes(to.name) || to.name === from.name
      if ((isTest && forTests && from.room !== 'sim') || table[from.room].may(from, to, typeOnly)) return
      if (isTest && testPackages.includes(to.name)) return
      context.report({
        node: source,
        message: `'${source.value}' is off limits here: ${table[from.room].wayOut}`
      })
    }
    return {
      ImportDeclaration: node => check(node, node.source, node.importKind === 'type'),
      ExportNamedDeclaration: node => check(node, node.source, node.exportKind === 'type'),
      ExportAllDeclaration: node => check(node, node.source, node.exportKind === 'type'),
      ImportExpression: node => check(node, node.source, false),
      TSImportType: node => check(node, node.source ?? node.argument, true)
    }
  }
}

const clock = 'the core is handed `now` by step(event, now); say when you want time in wakeAt()'
const waiting = 'a core never waits: return an effect and let its answer come back as an event'

const pure = {
  create(context) {
    const say = (node, what, wayOut) =>
      context.report({ node, message: `No ${what} in a pure room: ${wayOut}` })
    const noAsync = node => node.async && say(node, 'async function', waiting)
    const noNow = node => {
      if (node.callee.name === 'Date' && node.arguments.length === 0) say(node, '`new Date()`', clock)
    }
    return {
      ArrowFunctionExpression: noAsync,
      FunctionDeclaration: noAsync,
      FunctionExpression: noAsync,
      AwaitExpression: node => say(node, '`await`', waiting),
      ForOfStatement: node => node.await && say(node, '`for await`', waiting),
      NewExpression: noNow,
      CallExpression: noNow
    }
  }
}

const tls = {
  create(context) {
    const message =
      'Never switch off the check of a certificate. Give the connection the CA or the pinned key it should trust; ' +
      'agent/src/identity/tls.ts, which checks the key by itself, is the one exception.'
    const nameOf = node => node?.name ?? node?.value
    const isFalse = node => node?.type === 'Literal' && node.value === false
    return {
      Property: node =>
        nameOf(node.key) === 'rejectUnauthorized' && isFalse(node.value) && context.report({ node, message }),
      AssignmentExpression: node =>
        nameOf(node.left.property) === 'rejectUnauthorized' &&
        isFalse(node.right) &&
        context.report({ node, message }),
      Identifier: node => node.name === 'NODE_TLS_REJECT_UNAUTHORIZED' && context.report({ node, message }),
      Literal: node => node.value === 'NODE_TLS_REJECT_UNAUTHORIZED' && context.report({ node, message })
    }
  }
}

export default { meta: { name: 'house' }, rules: { rooms, pure, tls } }
