/** The home page. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { homePage } from '../../server/pages/home.ts'
import { elementsIn, findAll, parseHtml, textOf } from './parse-html.ts'
import { homeData } from './sample.ts'

const test = suite('pages/home')
const data = homeData()
const page = parseHtml(homePage(data))

function withPermissions(permissions: string[]): string {
  return textOf(findAll(parseHtml(homePage({ ...data, current: { ...data.current, permissions } })), 'dl')[0] ?? page)
}

test('says who you are, in which realm, with which number, roles and permissions', () => {
  assert.is(findAll(page, 'h1').map(textOf).join(), 'alice')
  const facts = findAll(page, 'dd').map(textOf)
  assert.match(facts[0] ?? '', 'pam')
  assert.is(facts[1], '1001')
  assert.is(facts[2], 'operatorviewer')
  assert.is(facts[3], 'session.readthrottle.readthrottle.managejob.*')
})

test('summarizes permissions', () => {
  assert.match(withPermissions(['*']), 'everything')
  assert.match(withPermissions([]), 'your own sessions only')
  assert.match(withPermissions(Array.from({ length: 9 }, (_, at) => `a.b${at}`)), '9 permissions')
})

test('lists sessions, marks the present one, and offers to end each of the others', () => {
  const rows = findAll(findAll(page, 'tbody')[0] ?? page, 'tr')
  assert.is(rows.length, 3)
  assert.equal(
    rows.map(row => textOf(row).includes('this one')),
    [true, false, false],
  )
  assert.equal(
    rows.map(row => findAll(row, 'input').map(({ attributes }) => [attributes.get('name'), attributes.get('value')])),
    [[], [['id', 'B'.repeat(22)]], [['id', 'C'.repeat(22)]]],
  )
  assert.is(findAll(rows[0] ?? page, 'time')[0]?.attributes.get('datetime'), '2026-08-03T09:14:07.120Z')
})

test('has buttons to leave here and everywhere else, and none for others where there are none', () => {
  const actions = findAll(page, 'form').map(({ attributes }) => attributes.get('action'))
  assert.equal(actions, [
    '/postern/logout',
    '/postern/sessions/revoke-others',
    '/postern/sessions/revoke',
    '/postern/sessions/revoke',
  ])
  const alone = { ...data, sessions: { items: data.sessions.items.slice(0, 1), next: null } }
  const forms = findAll(parseHtml(homePage(alone)), 'form').map(({ attributes }) => attributes.get('action'))
  assert.equal(forms, ['/postern/logout'])
})

test('says that there are more sessions than shown', () => {
  const more = homePage({ ...data, sessions: { ...data.sessions, next: 'x' } })
  assert.match(textOf(parseHtml(more)), 'There are more')
  assert.not.match(textOf(page), 'There are more')
})

test('tells the revoke buttons apart for those who only hear them', () => {
  const words = elementsIn(page)
    .filter(({ name, parent }) => name === 'button' && parent?.attributes.get('action') === '/postern/sessions/revoke')
    .map(textOf)
  assert.equal(words, ['Sign out Program from 2001:db8:85a3::/64', "Sign out Root's token from this machine"])
})

test.run()
