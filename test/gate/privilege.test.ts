/** The end of root's rights, tried in processes that hold more or less than a gate should; needs root. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { dropPrivileges, requireNotRoot } from '../../server/gate/privilege.ts'

const test = suite('gate privilege')
const source = join(import.meta.dirname, '../../server/gate/privilege.ts')
const nobody = 65_534

/** As the keeper starts a gate. */
const locks = ['--no-new-privs', '--inh-caps=-all', '--bounding-set=-all,+setuid,+setgid']

/** Gives up its rights, and tells what is left or why not. */
const script = `
  import { readFileSync } from 'node:fs'
  import { dropPrivileges } from '${source}'
  try {
    dropPrivileges({ uid: ${nobody}, gid: ${nobody} })
    process.stdout.write(readFileSync('/proc/self/status', 'utf8'))
  } catch (fault) {
    process.stdout.write('refused: ' + fault.message)
  }`

/** What it says when setpriv starts it with these options. */
function drop(options: readonly string[]): string {
  const node = [process.execPath, '--input-type=module', '--eval', script]
  const { stdout, stderr, status } = spawnSync('setpriv', [...options, ...node], { encoding: 'utf8' })
  assert.is(status, 0, stderr)
  return stdout
}

test('root with locks becomes nobody, once and for all: real, effective and saved uid, no groups, no capabilities', () => {
  const status = drop([...locks, '--groups=0,4,27'])
  const field = (name: string) => new RegExp(`^${name}:[ \\t]*(.*?)[ \\t]*$`, 'm').exec(status)?.[1]
  assert.is(field('Uid'), Array(4).fill(nobody).join('\t'), status)
  assert.is(field('Gid'), Array(4).fill(nobody).join('\t'))
  assert.is(field('Groups'), '')
  for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb']) assert.is(field(set), '0000000000000000', set)
  assert.is(field('NoNewPrivs'), '1')
})

const keepsCapabilities = '--securebits=+no_setuid_fixup'
const refusals = [
  {
    name: 'a process that can gain privileges by a set-uid program is refused',
    given: locks.filter(lock => lock !== '--no-new-privs'),
    expect: 'refused: new privileges can be gained',
  },
  {
    name: 'a capability that another program would inherit is refused',
    given: ['--no-new-privs', '--inh-caps=+chown'],
    expect: 'refused: privileges were not given up: CapInh',
  },
  {
    name: 'capabilities that outlive the change of uid are refused',
    given: ['--no-new-privs', '--inh-caps=-all', keepsCapabilities],
    expect: 'refused: privileges were not given up: CapPrm CapEff',
  },
  {
    name: 'ambient capabilities are refused',
    given: ['--no-new-privs', '--inh-caps=+chown', '--ambient-caps=+chown', keepsCapabilities],
    expect: 'refused: privileges were not given up: CapInh CapPrm CapEff CapAmb',
  },
  {
    name: 'a process that may not change its groups is refused',
    given: ['--no-new-privs', '--inh-caps=-all', '--bounding-set=-all,+setuid'],
    expect: 'refused: EPERM, Operation not permitted',
  },
  {
    name: 'a process that may not change its uid is refused',
    given: ['--no-new-privs', '--inh-caps=-all', '--bounding-set=-all,+setgid'],
    expect: 'refused: EPERM, Operation not permitted',
  },
  {
    name: 'a process that has no privileges to give up is refused, for it is not what it is taken for',
    given: ['--no-new-privs', `--reuid=${nobody}`, `--regid=${nobody}`, '--groups=4'],
    expect: 'refused: EPERM, Operation not permitted',
  },
]
for (const { name, given, expect } of refusals) test(name, () => assert.is(drop(given), expect))

const wrong: { uid: number; gid: number }[] = [
  { uid: 0, gid: nobody },
  { uid: nobody, gid: 0 },
  { uid: -1, gid: nobody },
  { uid: 1.5, gid: nobody },
  { uid: Number.NaN, gid: nobody },
  { uid: nobody, gid: Number.POSITIVE_INFINITY },
  // What an order may hold that was not written by a keeper: a name would be looked up.
  JSON.parse(`{ "uid": "nobody", "gid": ${nobody} }`),
  JSON.parse(`{ "uid": ${nobody}, "gid": "${nobody}" }`),
  JSON.parse('{}'),
]
for (const given of wrong)
  test(`${given.uid}:${given.gid} is nobody to become, and nothing is given up for it`, () => {
    const before = readFileSync('/proc/self/status', 'utf8').match(/^(?:Uid|Gid|Groups):.*$/gm)
    assert.throws(
      () => dropPrivileges(given),
      (fault: unknown) => fault instanceof TypeError && /uid and gid expected, not root's/.test(fault.message),
    )
    assert.equal(readFileSync('/proc/self/status', 'utf8').match(/^(?:Uid|Gid|Groups):.*$/gm), before)
  })

test('a gate that root starts by hand is refused: it would parse the network as root', () => {
  assert.throws(requireNotRoot, 'a gate does not run as root')
  const posternd = join(import.meta.dirname, '../../dist/posternd.cjs')
  // It would wait for its keeper for ever.
  const { stderr, status } = spawnSync(process.execPath, [posternd, '--gate'], { encoding: 'utf8', timeout: 5000 })
  assert.is(status, 1, stderr)
  assert.match(stderr, 'a gate does not run as root')
})

test('root in disguise is root', () => {
  for (const disguise of [['--ruid=65534'], ['--euid=65534', '--keep-groups']]) {
    const wanted = `import { requireNotRoot } from '${source}'; requireNotRoot()`
    const node = [process.execPath, '--input-type=module', '--eval', wanted]
    const { stderr, status } = spawnSync('setpriv', [...disguise, ...node], { encoding: 'utf8' })
    assert.is(status, 1, stderr)
    assert.match(stderr, 'a gate does not run as root')
  }
})

test.run()
