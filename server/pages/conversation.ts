/** A further step of a login: what the machine says and asks, as a plain form. */
import type { z } from 'zod'
import type { prompt } from '../operations/login.ts'
import { renderArch } from './layout.ts'
import { type Markup, markup, visible } from './markup.ts'

/** One thing the login says (`info`, `error`) or asks (`secret`, `text`). */
export type Prompt = z.output<typeof prompt>

export interface ConversationPage {
  /** the machine's name, as people know it */
  readonly hostname: string
  /** what names the conversation at its next step */
  readonly conversation: string
  readonly prompts: readonly Prompt[]
  /** where to go afterwards: a path of this origin, already checked; it is not checked here */
  readonly next: string
  /** a sentence about what did not work, from `errorText` */
  readonly error?: string | undefined
}

/**
 * The page of a login that continues; its form posts `conversation`, `next` and one `answer` for each secret or text prompt,
 * in their order, to /login. Where nothing is asked there is no `answer`, only a button that goes on.
 */
export function conversationPage({ hostname, conversation, prompts, next, error }: ConversationPage): string {
  const asks = prompts.some(isQuestion)
  const card = markup`<h1>Sign in to <bdi>${visible(hostname)}</bdi></h1>
${error !== undefined && markup`<p class="alert" role="alert">${visible(error)}</p>`}
<form class="stack" method="post" action="/login">
<input type="hidden" name="next" value="${next}">
<input type="hidden" name="conversation" value="${conversation}">
${prompts.map((prompt, at) => renderPrompt(prompt, at, prompts))}<button${!asks && markup` autofocus`}>Continue</button>
</form>
<p class="aside"><a href="/login?${new URLSearchParams({ next }).toString()}">Start again</a></p>`
  return renderArch(`Sign in to ${visible(hostname)}`, card)
}

function isQuestion({ kind }: Prompt): boolean {
  return kind === 'secret' || kind === 'text'
}

function renderPrompt(prompt: Prompt, at: number, prompts: readonly Prompt[]): Markup {
  const text = visible(prompt.text).trim()
  if (prompt.kind === 'info')
    return markup`<p class="note" id="said-${at}">${text}</p>
`
  if (prompt.kind === 'error')
    return markup`<p class="alert" id="said-${at}" role="alert">${text}</p>
`
  const isFirst = prompts.findIndex(isQuestion) === at
  const said = saidBefore(at, prompts)
  return markup`<label for="answer-${at}">${labelOf(text)}</label>
<input id="answer-${at}" name="answer" type="${prompt.kind === 'secret' ? 'password' : 'text'}" maxlength="4096" autocomplete="${autocompleteOf(prompt)}" autocapitalize="none" autocorrect="off" spellcheck="false"${said !== '' && markup` aria-describedby="${said}"`}${isFirst && markup` autofocus`}>
`
}

/** The ids of the texts that stand right above a question. */
function saidBefore(at: number, prompts: readonly Prompt[]): string {
  const above = prompts.slice(0, at)
  const from = above.findLastIndex(isQuestion) + 1
  return above
    .slice(from)
    .map((_, index) => `said-${from + index}`)
    .join(' ')
}

/** PAM asks "Password: "; a label needs no colon, and must not be empty. */
function labelOf(text: string): string {
  return text.replace(/[\s::]+$/u, '') || 'Answer'
}

/** What a browser or a password manager may fill in. It goes by the prompt's words: PAM tells no more than these. */
function autocompleteOf({ kind, text }: Prompt): string {
  if (/\b(?:one[- ]time|otp|token|(?:verification|security|authenticat\w+) code|code|pin)\b/i.test(text))
    return 'one-time-code'
  if (kind === 'text') return 'off'
  if (/\b(?:new|retype|re-enter|repeat|again)\b/i.test(text)) return 'new-password'
  return /\b(?:password|passwort|passphrase)\b/i.test(text) ? 'current-password' : 'off'
}
