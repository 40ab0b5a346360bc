/** The login page and its further steps. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { conversationPage, type Prompt } from '../../server/pages/conversation.ts'
import { loginPage } from '../../server/pages/login.ts'
import { type Element, elementsIn, findAll, parseHtml, textOf } from './parse-html.ts'

const test = suite('pages/login')
const hostname = 'gatehouse'

function fields(page: Element): Record<string, string>[] {
  return findAll(page, 'input').map(({ attributes }) => Object.fromEntries(attributes))
}

function conversation(prompts: Prompt[], error?: string): Element {
  return parseHtml(conversationPage({ hostname, conversation: 'abc', prompts, next: '/', error }))
}

function alerts(page: Element): string[] {
  return elementsIn(page)
    .filter(({ attributes }) => attributes.get('role') === 'alert')
    .map(textOf)
}

test('is a form of name, password and next', () => {
  const page = parseHtml(loginPage({ hostname, next: '/a?b=1&c=2' }))
  assert.is(findAll(page, 'title').map(textOf).join(), 'Sign in to gatehouse')
  assert.is(findAll(page, 'form')[0]?.attributes.get('action'), '/login')
  const [next, user, password] = fields(page)
  assert.equal([next?.name, next?.value], ['next', '/a?b=1&c=2'])
  assert.equal([user?.name, user?.autocomplete, user?.value, user?.autofocus], ['user', 'username', '', ''])
  assert.equal([password?.name, password?.type, password?.autocomplete], ['password', 'password', 'current-password'])
  assert.equal(alerts(page), [])
})

test('keeps the name and says what did not work; never holds a password', () => {
  const page = parseHtml(loginPage({ hostname, next: '/', user: 'alice', error: 'No.' }))
  const [, user, password] = fields(page)
  assert.is(user?.value, 'alice')
  assert.not('value' in (password ?? {}))
  assert.ok('autofocus' in (password ?? {}))
  assert.equal(alerts(page), ['No.'])
  assert.is(password?.['aria-describedby'], 'error')
})

test('has one answer for each question, in order, between what is said', () => {
  const page = conversation([
    { kind: 'info', text: 'Welcome' },
    { kind: 'secret', text: 'Password: ' },
    { kind: 'text', text: 'Floor' },
    { kind: 'error', text: 'Beware' },
    { kind: 'text', text: ' : ' },
  ])
  const answers = fields(page).filter(({ name }) => name === 'answer')
  assert.equal(
    answers.map(({ type }) => type),
    ['password', 'text', 'text'],
  )
  assert.equal(
    answers.map(answer => answer['aria-describedby']),
    ['said-0', undefined, 'said-3'],
  )
  assert.equal(findAll(page, 'label').map(textOf), ['Password', 'Floor', 'Answer'])
  assert.equal(alerts(page), ['Beware'])
  assert.equal(
    fields(page)
      .slice(0, 2)
      .map(({ name, value }) => [name, value]),
    [
      ['next', '/'],
      ['conversation', 'abc'],
    ],
  )
})

test('where nothing is asked has a button alone', () => {
  const page = conversation([{ kind: 'info', text: 'Enter 42 on your phone' }])
  assert.equal(
    fields(page).map(({ type }) => type),
    ['hidden', 'hidden'],
  )
  assert.equal(
    findAll(page, 'button').map(button => [textOf(button), button.attributes.has('autofocus')]),
    [['Continue', true]],
  )
})

test('starts again where it wanted to go', () => {
  const page = parseHtml(conversationPage({ hostname, conversation: 'a', prompts: [], next: '/x?y="&z=#' }))
  assert.is(findAll(page, 'a')[0]?.attributes.get('href'), '/login?next=%2Fx%3Fy%3D%22%26z%3D%23')
})

const completions: [kind: 'secret' | 'text', text: string, expected: string][] = [
  ['secret', 'Password: ', 'current-password'],
  ['secret', 'Current password: ', 'current-password'],
  ['secret', 'New password: ', 'new-password'],
  ['secret', 'Retype new password: ', 'new-password'],
  ['secret', "One-time password (OATH) for `alice': ", 'one-time-code'],
  ['secret', 'Verification code: ', 'one-time-code'],
  ['text', 'Token', 'one-time-code'],
  ['secret', 'Spinning', 'off'],
  ['text', 'Floor', 'off'],
]

for (const [kind, text, expected] of completions)
  test(`lets a browser fill ${expected} into ${kind} "${text}"`, () => {
    assert.is(fields(conversation([{ kind, text }])).at(-1)?.autocomplete, expected)
  })

test.run()
