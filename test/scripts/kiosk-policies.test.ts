/** What scripts/kiosk/policies/install writes. */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Script } from 'node:vm'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const program = join(import.meta.dirname, '../../scripts/kiosk/policies/install')
const files = {
  firefox: 'etc/firefox/policies/policies.json',
  chromium: 'etc/chromium/policies/managed/postern-kiosk.json',
}

const test = suite<{ tree: string; install: (...args: string[]) => void }>('scripts/kiosk-policies')
test.before.each(context => {
  context.tree = mkdtempSync(join(tmpdir(), 'postern-policies-'))
  context.install = (...args) => void execFileSync(program, ['--root', context.tree, ...args], { stdio: 'pipe' })
})
test.after.each(({ tree }) => rmSync(tree, { recursive: true, force: true }))

const readPolicies = (tree: string) => ({
  firefox: JSON.parse(readFileSync(join(tree, files.firefox), 'utf8')).policies,
  chromium: JSON.parse(readFileSync(join(tree, files.chromium), 'utf8')),
})
const waiting = 'file:///usr/lib/postern/kiosk/waiting.html'

const own = ['http://.127.0.0.1:7640', 'http://.localhost:7640', 'http://.[::1]:7640']

test('allows the daemon and the waiting page, and nothing else', ({ tree, install }) => {
  install()
  const { firefox, chromium } = readPolicies(tree)
  assert.equal(firefox.WebsiteFilter.Exceptions, [
    waiting,
    'http://127.0.0.1/*',
    'http://localhost/*',
    'http://[::1]/*',
  ])
  assert.equal(chromium.URLAllowlist, [waiting, ...own])
  assert.equal([firefox.PrintingEnabled, chromium.PrintingEnabled], [false, false])
  assert.is(statSync(join(tree, files.firefox)).mode & 0o777, 0o644)
})

test('knows the daemon by the addresses where it serves, and not by those of other machines', ({ tree, install }) => {
  mkdirSync(join(tree, 'run/postern'), { recursive: true })
  const http = ['unix:/run/postern-gate/http.sock', 'https://*:7643', 'http://0.0.0.0:80', 'http://[::1]:8000']
  writeFileSync(join(tree, 'run/postern/instance.json'), JSON.stringify({ version: '1', http, gate_uid: 1 }))
  install()
  const { firefox, chromium } = readPolicies(tree)
  assert.equal(firefox.WebsiteFilter.Exceptions, [waiting, 'http://[::1]/*'])
  assert.equal(chromium.URLAllowlist, [waiting, 'http://.[::1]:8000'])
})

test('allows the sites that are named, without their subdomains and other ports, and printing', ({ tree, install }) => {
  install('--site', 'https://example.org', '--site', 'http://10.0.0.1:8080/shop', '--printing')
  const { firefox, chromium } = readPolicies(tree)
  assert.equal(firefox.WebsiteFilter.Exceptions.slice(4), ['https://example.org/*', 'http://10.0.0.1/shop*'])
  const sites = ['https://.example.org:443', 'http://.10.0.0.1:8080/shop']
  assert.equal(chromium.URLAllowlist.slice(4), [...sites, 'chrome://print'])
  assert.equal([firefox.PrintingEnabled, chromium.PrintingEnabled], [true, true])
})

test('lets Firefox ask only the ports that are allowed of a host that is: its patterns know no ports', ({
  tree,
  install,
}) => {
  const sites = ['http://127.0.0.1:9000/shop', 'http://10.0.0.1:8080/shop', 'https://Example.org', 'http://a.test:80']
  install(...sites.flatMap(site => ['--site', site]))
  const script = Buffer.from(readPolicies(tree).firefox.Proxy.AutoConfigURL.split('base64,')[1], 'base64').toString()
  const proxyFor = new Function('url', `${script}; return FindProxyForURL(url)`)
  const open = [
    'http://127.0.0.1:7640/x',
    'http://x:y@127.0.0.1:7640/',
    'http://localhost:7640/',
    'http://[::1]:7640/',
    'http://127.0.0.1:9000/shop/1',
    'http://10.0.0.1:8080/shop',
    'http://a.test/',
    'https://example.org/',
    'https://elsewhere.org:8443/a@b',
  ]
  const closed = [
    'http://127.0.0.1:7641/',
    'http://x@127.0.0.1:7641/',
    'http://127.0.0.1:7640@127.0.0.1:7641/',
    'http://x@localhost.:7641/',
    'http://127.0.0.1/',
    'https://127.0.0.1:7640/',
    'http://localhost:80/',
    'http://[::1]:7641/',
    'http://x@[::1]:7641/',
    'http://127.1.1.1:7640/',
    'http://10.0.0.1/',
    'http://10.0.0.1:22/shop',
    'http://x@10.0.0.1:22/shop',
    'http://a.test:81/',
    'http://example.org/',
    'https://example.org.:8443/',
  ]
  for (const url of open) assert.is(proxyFor(url), 'DIRECT', url)
  for (const url of closed) assert.is(proxyFor(url), 'PROXY 127.0.0.1:9', url)
})

test('writes for one browser alone, and takes away what it wrote', ({ tree, install }) => {
  install('--browser', 'chromium')
  assert.equal([existsSync(join(tree, files.firefox)), existsSync(join(tree, files.chromium))], [false, true])
  install('--remove')
  assert.is(existsSync(join(tree, files.chromium)), false)
})

test('has Firefox read the rules that no policy knows, unless it reads others', ({ tree, install }) => {
  install()
  assert.match(readFileSync(join(tree, 'etc/firefox/defaults/pref/postern-kiosk.js'), 'utf8'), '"postern-kiosk.cfg"')
  const rules = readFileSync(join(tree, 'etc/firefox/postern-kiosk.cfg'), 'utf8')
  // Firefox passes over the first line, and ends at a fault in the others.
  assert.match(rules, /^\/\/ /)
  assert.not.throws(() => new Script(rules))
  install()
  install('--remove')
  assert.is(existsSync(join(tree, 'etc/firefox/postern-kiosk.cfg')), false)
  mkdirSync(join(tree, 'usr/lib/firefox-esr/defaults/pref'), { recursive: true })
  writeFileSync(join(tree, 'usr/lib/firefox-esr/defaults/pref/a.js'), 'pref("general.config.filename", "a.cfg");\n')
  const { status, stderr } = spawnSync(program, ['--root', tree], { encoding: 'utf8' })
  assert.is(status, 1)
  assert.match(stderr, 'pref/a.js has Firefox read another autoconfig')
  assert.is(existsSync(join(tree, files.firefox)), false)
})

test("keeps its hands off somebody else's policies of Firefox", ({ tree, install }) => {
  mkdirSync(join(tree, 'etc/firefox/policies'), { recursive: true })
  writeFileSync(join(tree, files.firefox), '{"policies": {}}')
  assert.is(spawnSync(program, ['--root', tree]).status, 1)
  install('--remove')
  assert.is(readFileSync(join(tree, files.firefox), 'utf8'), '{"policies": {}}')
})

for (const args of [
  ['--site', 'file:///etc'],
  ['--site', 'https://a"b'],
  ['--site'],
  ['--browser', 'lynx'],
  ['--what'],
])
  test(`refuses ${args.join(' ')}`, () => assert.is(spawnSync(program, args).status, 64))

test.run()
