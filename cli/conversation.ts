/** A login from its first step to yes or no: the server asks, `asker` answers. */
import { ClientError } from '../server/client/error.ts'
import type { Answer, Call } from '../server/operations/table.ts'
import type { Asker } from './terminal.ts'

interface Prompt {
  readonly kind: 'secret' | 'text' | 'info' | 'error'
  readonly text: string
}

interface Step {
  readonly conversation: string
  readonly prompts: readonly Prompt[]
}

const kinds: readonly unknown[] = ['secret', 'text', 'info', 'error']

/** Goes on with the login until the answer is final. A step of texts alone is shown and answered with nothing, at once. */
export async function converse(
  call: Call,
  first: Answer<'login.begin'>,
  asker: Asker,
): Promise<Answer<'login.begin'> | Answer<'login.answer'>> {
  let answer: Answer<'login.begin'> | Answer<'login.answer'> = first
  while (!answer.ok && answer.reason === 'login_continues') {
    const { conversation, prompts } = parseStep(answer.more)
    answer = await call('login.answer', { conversation, answers: await answerPrompts(prompts, asker) })
  }
  return answer
}

async function answerPrompts(prompts: readonly Prompt[], asker: Asker): Promise<string[]> {
  const answers: string[] = []
  for (const { kind, text } of prompts) {
    if (kind === 'info' || kind === 'error') asker.show(text)
    else answers.push(await asker.ask(kind, text))
  }
  return answers
}

function parseStep(more: { readonly [member: string]: unknown } | undefined): Step {
  const { conversation, prompts } = more ?? {}
  if (typeof conversation === 'string' && Array.isArray(prompts) && prompts.every(isPrompt))
    return { conversation, prompts }
  throw new ClientError('protocol', 'the login goes on in a way that this command does not know')
}

function isPrompt(value: unknown): value is Prompt {
  if (typeof value !== 'object' || value === null) return false
  const { kind, text } = value as Record<string, unknown>
  return kinds.includes(kind) && typeof text === 'string'
}
