/** A login's conversation: what was given ahead answers what it was meant for, the rest goes to the client. */
import { setTimeout as wait } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Conversation } from '../../../server/keeper/login/conversation.ts'
import type { Attempt, AttemptEvent } from '../../../server/keeper/pam/attempt.ts'
import type { Prompt } from '../../../server/keeper/pam/protocol.ts'
import { answerText, userName } from '../pam/drive.ts'

const test = suite('login conversation')

const password: Prompt = { kind: 'secret', text: 'Password: ' }
const secretCode: Prompt = { kind: 'secret', text: 'Code: ' }
const textCode: Prompt = { kind: 'text', text: 'Code: ' }
const info: Prompt = { kind: 'info', text: 'Look at your phone: 42' }
const account: AttemptEvent = { kind: 'account', user: userName('alice'), mustChange: true }
const ask = (...prompts: Prompt[]): AttemptEvent => ({ kind: 'ask', prompts })
const show: AttemptEvent = { kind: 'show', messages: [{ kind: 'info', text: info.text }] }

/** An attempt that plays a list of events; a number is a pause in milliseconds. */
function script(events: (AttemptEvent | number)[], ahead: string[] = []) {
  const said: string[][] = []
  const attempt: Attempt = {
    pid: undefined,
    async next() {
      for (;;) {
        const event = events.shift()
        if (event === undefined) return new Promise(() => {})
        if (typeof event !== 'number') return event
        await wait(event)
      }
    },
    answer(answers) {
      said.push([...answers])
    },
    proceed() {},
    kill() {},
    ended: new Promise(() => {}),
  }
  return { conversation: new Conversation(attempt, ahead.map(answerText)), said }
}

const cases: {
  name: string
  events: AttemptEvent[]
  ahead: string[]
  said: string[][]
  prompts: Prompt[] | 'account'
}[] = [
  {
    name: 'a password given ahead answers the first secret',
    events: [ask(password), account],
    ahead: ['pw'],
    said: [['pw']],
    prompts: 'account',
  },
  {
    name: 'a code given ahead answers the prompt after the password',
    events: [ask(password), ask(secretCode), account],
    ahead: ['pw', '123456'],
    said: [['pw'], ['123456']],
    prompts: 'account',
  },
  {
    name: 'a code given ahead answers also a prompt that is shown while it is typed',
    events: [ask(password), ask(textCode), account],
    ahead: ['pw', '123456'],
    said: [['pw'], ['123456']],
    prompts: 'account',
  },
  {
    name: 'a password given ahead never answers a text',
    events: [ask(textCode)],
    ahead: ['pw'],
    said: [],
    prompts: [textCode],
  },
  {
    name: 'a question of two prompts goes to the client, whatever was given ahead',
    events: [ask(password, textCode)],
    ahead: ['pw', '123456'],
    said: [],
    prompts: [password, textCode],
  },
  {
    name: 'without anything given ahead the question goes to the client',
    events: [ask(password)],
    ahead: [],
    said: [],
    prompts: [password],
  },
  {
    name: 'a text is shown together with the question that follows it at once',
    events: [show, ask(secretCode)],
    ahead: [],
    said: [],
    prompts: [info, secretCode],
  },
]

for (const { name, events, ahead, said, prompts } of cases) {
  test(name, async () => {
    const told = script([...events], ahead)
    const step = await told.conversation.advance()
    assert.equal(told.said, said)
    if (prompts === 'account') assert.equal(step, account)
    else assert.equal(step, { kind: 'continues', prompts })
  })
}

test('a password given ahead waits for the first secret behind a text, and is not for the text after it', async () => {
  const { conversation, said } = script([ask(textCode), ask(textCode), ask(password), account], ['pw'])
  await conversation.advance()
  conversation.answer([answerText('one')])
  assert.equal(await conversation.advance(), { kind: 'continues', prompts: [textCode] })
  conversation.answer([answerText('two')])
  assert.equal(await conversation.advance(), account)
  assert.equal(said, [['one'], ['two'], ['pw']])
})

test('a password given ahead is void when the client answers the first secret itself', async () => {
  const { conversation, said } = script([ask(password, textCode), ask(secretCode)], ['pw'])
  await conversation.advance()
  conversation.answer([answerText('typed'), answerText('42')])
  assert.equal(await conversation.advance(), { kind: 'continues', prompts: [secretCode] })
  assert.equal(said, [['typed', '42']])
})

test('nothing that was given ahead answers a question about the new password', async () => {
  const { conversation, said } = script([account, ask(password)], ['pw', '123456'])
  assert.equal(await conversation.advance(), account)
  assert.equal(await conversation.advance(), { kind: 'continues', prompts: [password] })
  assert.equal(said, [])
})

test('a text that nothing follows is shown alone; the call after it waits for what comes next', async () => {
  const { conversation, said } = script([show, 400, ask(secretCode)])
  assert.equal(await conversation.advance(), { kind: 'continues', prompts: [info] })
  assert.is(conversation.openAnswers, 0)
  conversation.answer([])
  assert.equal(await conversation.advance(), { kind: 'continues', prompts: [secretCode] })
  assert.is(conversation.openAnswers, 1)
  assert.equal(said, [])
})

test('a text waits longer while something given ahead may answer what follows it', async () => {
  const { conversation, said } = script([show, 400, ask(password), account], ['pw'])
  assert.equal(await conversation.advance(), account)
  assert.equal(said, [['pw']])
})

test('a module that chatters is shown in pieces', async () => {
  const { conversation } = script(Array.from({ length: 40 }, () => show))
  const step = await conversation.advance()
  assert.ok(step.kind === 'continues' && step.prompts.length === 32)
  const rest = await conversation.advance()
  assert.ok(rest.kind === 'continues' && rest.prompts.length === 8)
})

test('counts what was answered before the account was proved', async () => {
  const { conversation } = script([ask(password), ask(secretCode), account, ask(password)], ['pw', '123456'])
  assert.is(conversation.rounds, 0)
  await conversation.advance()
  assert.is(conversation.rounds, 2)
  await conversation.advance()
  conversation.answer([answerText('new')])
  assert.is(conversation.rounds, 2)
})

test.run()
