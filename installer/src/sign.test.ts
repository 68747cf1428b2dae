import { execFile, spawnSync } from 'node:child_process'
import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { openHouse } from '@starling/test/e2e/harness.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sign, type Signer } from './sign.ts'
import { writeMsi } from './windows/msi/msi.ts'
import { hostFile } from './windows/host.ts'
import { agentProduct } from './windows/msi/product.ts'

const execute = promisify(execFile)
const house = openHouse()
afterAll(() => house.close())

const missing = ['osslsigncode', 'openssl', 'msibuild', 'x86_64-w64-mingw32-gcc'].filter(
  tool => spawnSync(tool, ['--version']).error !== undefined
)
const install =
  'apt-get install -y --no-install-recommends osslsigncode openssl msitools gcc-mingw-w64-x86-64'
if (missing.length > 0) console.warn(`\nSKIPPED, signing is not tested: ${install}\n`)
it.runIf(missing.length > 0 && process.env.CI === 'true')('CI can sign', () => {
  throw new Error(install)
})

const folder = house.folder('signing')
const inFolder = (name: string): string => join(folder, name)

/** An authority of our own and a certificate for signing code, as a .pfx with a password. */
async function makeCertificate(): Promise<Signer> {
  const openssl = (line: string): Promise<unknown> => execute('openssl', line.split(' '), { cwd: folder })
  const leaf = [
    'basicConstraints=critical,CA:FALSE',
    'keyUsage=critical,digitalSignature',
    'extendedKeyUsage=codeSigning'
  ]
  await writeFile(inFolder('leaf.cnf'), leaf.join('\n'))
  await writeFile(inFolder('password'), 'secret')
  const key = '-newkey rsa:2048 -nodes'
  await openssl(`req -x509 ${key} -keyout ca.key -out ca.pem -subj /CN=Root -days 9000`)
  await openssl(`req ${key} -keyout code.key -out code.csr -subj /CN=Signer`)
  await openssl(
    'x509 -req -in code.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 9000 -extfile leaf.cnf -out code.pem'
  )
  await openssl('pkcs12 -export -inkey code.key -in code.pem -out code.pfx -passout pass:secret')
  return {
    certificate: inFolder('code.pfx'),
    key: null,
    passwordFile: inFolder('password'),
    timeServer: null,
    authorities: inFolder('ca.pem')
  }
}

describe.skipIf(missing.length > 0)('a certificate that is given', () => {
  let signer: Signer
  beforeAll(async () => {
    signer = await makeCertificate()
    await writeFile(inFolder('empty.c'), 'int main(void) { return 0; }')
    await execute('x86_64-w64-mingw32-gcc', ['empty.c', '-o', hostFile], { cwd: folder })
    await writeMsi(inFolder('package.msi'), {
      product: agentProduct,
      version: '0.1.0',
      madeAt: new Date('2026-01-01T00:00:00Z'),
      isSigned: true,
      programFolder: folder,
      modulesFolder: null
    })
  }, 120_000)

  it.each([hostFile, 'package.msi'])(
    'signs %s, the same way each time, and a changed byte is found',
    { timeout: 60_000 },
    async file => {
      const [one, two] = ['one', 'two'].map(name => inFolder(`${name}-${file}`)) as [string, string]
      // Within the certificate's years, which begin today.
      const at = new Date(Math.ceil(Date.now() / 86_400_000) * 86_400_000)
      for (const copy of [one, two]) {
        await copyFile(inFolder(file), copy)
        await sign(copy, 'Starling', at, signer)
      }
      const bytes = await readFile(one)
      expect(bytes.equals(await readFile(two))).toBe(true)

      const verify = (path: string): number | null =>
        spawnSync('osslsigncode', ['verify', '-CAfile', signer.authorities!, '-in', path]).status
      expect(verify(one)).toBe(0)
      bytes[
        bytes.indexOf(
          file === hostFile ? 'This program' : 'Root Entry',
          0,
          file === hostFile ? 'latin1' : 'utf16le'
        )
      ]! ^= 1
      await writeFile(two, bytes)
      expect(verify(two)).not.toBe(0)
    }
  )

  it('that does not lead to a trusted one is refused, and the file stays as it was', async () => {
    const file = inFolder('untrusted.exe')
    await copyFile(inFolder(hostFile), file)
    await expect(sign(file, 'Starling', null, { ...signer, authorities: null })).rejects.toMatchObject({
      code: 'signing'
    })
    expect((await readFile(file)).equals(await readFile(inFolder(hostFile)))).toBe(true)
  })

  it('with a wrong password is refused with what osslsigncode says', async () => {
    await writeFile(inFolder('wrong'), 'another')
    const wrong = { ...signer, passwordFile: inFolder('wrong') }
    await expect(sign(inFolder(hostFile), 'Starling', null, wrong)).rejects.toThrow(
      /osslsigncode sign refused: .+/
    )
  })
})
