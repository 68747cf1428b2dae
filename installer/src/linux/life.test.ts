/**
 * The packages' lives on a machine, for real: a Debian whose process 1 is systemd, and one without systemd. It takes minutes, so
 * it runs only when asked: STARLING_TEST_DEBIAN=1 npm test -- installer/src/linux, as root.
 */
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { openHouse } from '@starling/test/e2e/harness.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { house as project } from '../house.ts'
import { buildDebs } from './debs.ts'
import { debianMissing, inPlainDebian, startMachine, type Machine } from './debian.ts'

const asked = process.env['STARLING_TEST_DEBIAN'] === '1'
const missing = asked ? debianMissing() : null
if (missing !== null) expect.fail(`there is no Debian to try the packages in: ${missing}`)

const house = openHouse()
let machine: Machine | null = null
afterAll(async () => {
  await machine?.stop()
  await house.close()
}, 60_000)

const [before, after] = ['1.0.0', '1.0.1']
const seconds = (count: number) => ({ timeout: count * 1000 })

describe.runIf(asked)('a package on a machine', () => {
  const shared = house.folder('debs')
  const sh = (line: string) => machine!.sh(line)
  const ok = (line: string) => machine!.ok(line)
  /** Waits in the machine, for at most 30 s. */
  const until = (condition: string) =>
    ok(
      `for i in $(seq 150); do if ${condition} > /dev/null 2>&1; then exit 0; fi; sleep 0.2; done; ${condition}`
    )
  const ready = () => until('starling status')
  const agentId = async () => (JSON.parse(await ok('starling status --json')) as { id: string }).id
  const property = (name: string, unit = 'starling') =>
    ok(`systemctl show --value --property ${name} ${unit}`)

  beforeAll(async () => {
    for (const version of [before, after])
      await buildDebs(shared, { version, compression: 'fast', thirdParties: async () => [] })
    cpSync(join(project, 'installer/rollout/ansible'), join(shared, 'ansible'), { recursive: true })
    machine = await startMachine(shared)
  }, 600_000)

  it('once installed it serves, as a user of its own without rights', seconds(60), async () => {
    await ok(`dpkg --install /shared/starling_${before}_amd64.deb`)
    await ready()
    const pid = await property('MainPID')
    expect(await ok(`stat --format %U:%G:%a /proc/${pid} /var/lib/starling`)).toBe(
      'starling:starling:555\nstarling:starling:700'
    )
    const status = await ok(`cat /proc/${pid}/status`)
    expect(status).toMatch(/^CapEff:\s+0+$/m)
    expect(status).toMatch(/^CapBnd:\s+0+$/m)
    expect(status).toMatch(/^NoNewPrivs:\s+1$/m)
    expect(status).toMatch(/^Seccomp:\s+2$/m)
    expect(await ok('systemctl is-enabled starling')).toBe('enabled')
    expect(await ok('dpkg --verify starling')).toBe('')
    await ok('systemd-analyze security --threshold=15 starling')
  })

  it('its command is root’s and the service user’s, and says so to others', seconds(60), async () => {
    const { code, stderr } = await sh('setpriv --reuid=nobody --regid=nogroup --clear-groups starling status')
    expect(code).toBe(1)
    expect(stderr).toContain('sudo starling status')
    await ok('cd / && setpriv --reuid=starling --regid=starling --clear-groups starling status')
    // A folder of one's own needs nobody's leave.
    await ok('setpriv --reuid=nobody --regid=nogroup --clear-groups starling secret create --data /tmp/mine')
    expect(await ok('stat --format %U /tmp/mine/fleet.secret')).toBe('nobody')
    await ok('starling secret create')
    expect(await ok('stat --format %U:%a /var/lib/starling/fleet.secret')).toBe('starling:600')
    await ok('rm /var/lib/starling/fleet.secret')
  })

  it('killed, it comes back; with settings that cannot be used it does not', seconds(90), async () => {
    const pid = await property('MainPID')
    await ok('systemctl kill --signal KILL starling')
    await until(`test "$(systemctl show --value --property MainPID starling)" != ${pid} && starling status`)
    await ok(`printf "STARLING_CACHE_QUOTA='plenty of room'\\n" >> /etc/default/starling`)
    const { stderr } = await sh('starling config check')
    expect(`${stderr}${(await sh('starling config check')).stdout}`).toContain('plenty of room')
    await sh('systemctl restart starling')
    await until('systemctl is-failed starling')
    expect(await property('ExecMainStatus')).toBe('78')
    expect(await property('NRestarts')).toBe('0')
    await ok(`sed -i 's/plenty of room/3GiB/' /etc/default/starling && systemctl restart starling`)
    await ready()
    expect(await ok('starling status')).toContain('of 3.00 GiB')
  })

  it('an upgrade keeps identity, data and settings, and runs the new one', seconds(60), async () => {
    const [id, pid] = [await agentId(), await property('MainPID')]
    await ok(`dpkg --install /shared/starling_${after}_amd64.deb`)
    await ready()
    expect(await agentId()).toBe(id)
    expect(await property('MainPID')).not.toBe(pid)
    expect(await ok('starling status')).toContain('of 3.00 GiB')
  })

  it('who has disabled it finds it disabled after an upgrade', seconds(60), async () => {
    await ok('systemctl disable --now starling')
    await ok(`dpkg --install /shared/starling_${after}_amd64.deb`)
    expect((await sh('systemctl is-enabled starling')).stdout.trim()).toBe('disabled')
    expect((await sh('systemctl is-active starling')).stdout.trim()).not.toBe('active')
    await ok('systemctl enable --now starling')
    await ready()
  })

  it('removed, it is gone and its data are not; installed again, it is who it was', seconds(60), async () => {
    const id = await agentId()
    await ok('dpkg --remove starling')
    expect((await sh('pgrep --uid starling; ls /usr/lib/starling /usr/bin/starling')).stdout).toBe('')
    expect(await ok('ls /etc/default/starling /var/lib/starling/identity.key')).not.toBe('')
    await ok(`dpkg --install /shared/starling_${after}_amd64.deb`)
    await ready()
    expect(await agentId()).toBe(id)
  })

  it('a coordinator beside it takes it into its fleet', seconds(120), async () => {
    await ok(
      `printf "STARLING_COORDINATOR_OPTIONS='--no-gateway --advertise 127.0.0.1:17833'\\n" > /etc/default/starling-coordinator`
    )
    await ok(`dpkg --force-confold --install /shared/starling-coordinator_${before}_amd64.deb`)
    await until('starling-coordinator status')
    await ok('systemd-analyze security --threshold=15 starling-coordinator')
    expect(await ok('journalctl --unit starling-coordinator --output cat')).not.toContain(
      'code for the first admin'
    )
    await ok('starling join "$(starling-coordinator ticket create)"')
    await ok('systemctl restart starling')
    await ready()
    await until(`starling-coordinator agents | grep --quiet ${await agentId()}`)
    await ok(`dpkg --install /shared/starling-coordinator_${after}_amd64.deb`)
    await until('starling-coordinator status')
    expect(await ok('starling-coordinator agents')).toContain(await agentId())
  })

  it('on port 80 with the drop-in that the package brings', seconds(60), async () => {
    await ok('echo STARLING_CACHE_HOST_ENABLED=on >> /etc/default/starling')
    await ok(
      'install -D -m 0644 /usr/share/doc/starling/examples/cache-host.conf /etc/systemd/system/starling.service.d/cache-host.conf'
    )
    await ok('systemctl daemon-reload && systemctl restart starling')
    await until('ss --listening --tcp --numeric | grep --quiet 127.0.0.1:80')
  })

  it('purged, nothing of either is left', seconds(60), async () => {
    await ok('rm -r /etc/systemd/system/starling.service.d')
    await ok('dpkg --purge starling starling-coordinator')
    expect(
      (
        await sh(
          "find / -xdev -path /proc -prune -o -name '*starling*' -print | grep --invert-match '^/var/log/'"
        )
      ).stdout
    ).toBe('')
    expect((await sh('getent passwd starling starling-coordinator')).stdout).toBe('')
    expect((await sh('systemctl list-units --all --plain --no-legend "starling*"')).stdout).toBe('')
    // Again, as after a purge that was broken off.
    await ok('dpkg --purge starling')
  })

  it(
    'Ansible installs, configures and upgrades it, and finds nothing to do the second time',
    seconds(180),
    async () => {
      const play = async (version: string, site: string) => {
        const inventory = {
          starling: {
            hosts: {
              localhost: {
                ansible_connection: 'local',
                starling_version: version,
                starling_deb: `/shared/starling_${version}_amd64.deb`,
                starling_settings: { STARLING_SITE: site, STARLING_CACHE_QUOTA: '3GiB' }
              }
            }
          }
        }
        await ok(`echo '${JSON.stringify(inventory)}' > /root/inventory.yml`)
        const { code, stdout } = await sh(
          'ansible-playbook --inventory /root/inventory.yml /shared/ansible/site.yml'
        )
        const [, changed] = /changed=(\d+)/.exec(stdout) ?? []
        return { code, stdout, changed: Number(changed) }
      }
      const first = await play(before, 'north')
      expect(first.code, first.stdout).toBe(0)
      await ready()
      const id = await agentId()
      expect(await ok('starling status')).toMatch(/of site north[^]*of 3\.00 GiB/)
      expect((await play(before, 'north')).changed).toBe(0)
      expect(await ok('ls -d /tmp/starling-* 2> /dev/null || echo none')).toBe('none')

      expect((await play(before, 'south')).code).toBe(0)
      await until('starling status | grep --quiet "of site south"')
      expect((await play(after, 'south')).code).toBe(0)
      await ready()
      expect(await agentId()).toBe(id)
      expect(await ok("dpkg-query --show --showformat '${Version}' starling")).toBe(after)
      expect((await play(after, 'south')).changed).toBe(0)
      const back = await play(before, 'south')
      expect(back.code).not.toBe(0)
      expect(back.stdout).toContain(`starling ${after} is newer than ${before}`)
      await ok('dpkg --purge starling')
    }
  )

  it('without a systemd, as in the build of an image, it installs, runs and goes', seconds(120), async () => {
    const done = await inPlainDebian(
      shared,
      [
        'set -e',
        `dpkg --install /shared/starling_${before}_amd64.deb >&2`,
        'stat --format %U /var/lib/starling',
        'starling secret create --json > /dev/null',
        'stat --format %U /var/lib/starling/fleet.secret',
        'readlink /etc/systemd/system/multi-user.target.wants/starling.service',
        `dpkg --install /shared/starling_${after}_amd64.deb >&2`,
        'dpkg --purge starling >&2',
        'ls /var/lib/starling /etc/systemd/system/multi-user.target.wants/starling.service 2> /dev/null || echo gone'
      ].join('\n')
    )
    expect(done.stdout.replaceAll('\r', ''), done.stderr).toMatch(
      /^starling\nstarling\n\/(usr\/)?lib\/systemd\/system\/starling\.service\ngone\n$/
    )
    expect(done.code).toBe(0)
  })
})
