/** What a certificate must name, on a machine whose names and addresses the test chose. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Subject } from '../../../server/keeper/tls/names.ts'

const test = suite('keeper/tls/names')
const module = new URL('../../../server/keeper/tls/names.ts', import.meta.url).pathname

/** The subject in namespaces of its own: `script` makes the machine, `hosts` is its /etc/hosts. */
function subjectOn(script: string, { hosts = '', further = [] }: { hosts?: string; further?: string[] } = {}): Subject {
  const folder = mkdtempSync(join(tmpdir(), 'postern-names-'))
  try {
    writeFileSync(join(folder, 'hosts'), hosts)
    const ask = `import { presentSubject } from ${JSON.stringify(module)}
process.stdout.write(JSON.stringify(presentSubject(${JSON.stringify(further)})))`
    writeFileSync(join(folder, 'ask.ts'), ask)
    const make = `mount --bind ${folder}/hosts /etc/hosts; ip link set lo up; ${script}\nexec "$0" "$1"`
    const words = ['--uts', '--net', '--mount', 'sh', '-euc', make, process.execPath, join(folder, 'ask.ts')]
    return JSON.parse(execFileSync('unshare', words, { encoding: 'utf8' })) as Subject
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const outer = 'ip link add d0 type veth peer name d1; ip link set d0 up; ip link set d1 up'

test('its host name, short and whole, for mDNS too, what it is called in full, and what the configuration adds', () => {
  const hosts = '127.0.1.1 kitchen.example.org kitchen\n'
  assert.equal(subjectOn('hostname Kitchen', { hosts, further: ['Door.example', '192.0.2.99'] }), {
    names: ['localhost', 'kitchen', 'kitchen.local', 'kitchen.example.org', 'door.example'],
    addresses: ['127.0.0.1', '::1', '192.0.2.99'],
  })
  assert.equal(subjectOn('hostname box.example.net').names, ['localhost', 'box.example.net', 'box', 'box.local'])
})

test('no name that a certificate cannot hold', () => {
  assert.equal(subjectOn('printf -- "-odd name-" >/proc/sys/kernel/hostname', { further: ['a..b'] }).names, [
    'localhost',
  ])
})

test('the addresses by which others find it: none of this link alone, and none that comes and goes', () => {
  const add = (address: string, more = '') => `ip addr add ${address} dev d0 ${more}`
  const addresses = [
    add('192.0.2.7/24'),
    add('169.254.1.1/16'),
    add('2001:db8::7/64', 'nodad'),
    add('2001:db8::8/64', 'nodad preferred_lft 0'),
  ]
  const { addresses: found } = subjectOn(`hostname box; ${outer}; ${addresses.join('; ')}`)
  assert.equal(found, ['127.0.0.1', '::1', '192.0.2.7', '2001:db8::7'])
})

test('a machine full of addresses names 64 of them', () => {
  const many = Array.from({ length: 80 }, (_, at) => `ip addr add 10.0.0.${at + 1}/24 dev d0`)
  assert.is(subjectOn(`hostname box; ${outer}; ${many.join('; ')}`).addresses.length, 2 + 64)
})

test.run()
