/** The conversation callback: a module's messages go to the keeper, the keeper's answers go back as libpam wants them. */
import koffi from 'koffi'
import type { Channel } from './channel.ts'
import { calloc, copyText, free, type Pointer, readBytes } from './libc.ts'
import type { Conversation } from './libpam.ts'
import { MAX_MESSAGES, MAX_TEXT_BYTES, type Prompt, parseAnswers, wantsAnswer } from './protocol.ts'
import { PAM } from './reason.ts'
import type { AnswerText } from './text.ts'

/** The conversation of one attempt. It blocks while the keeper has no answer. */
export interface ChannelConversation {
  converse: Conversation
  /** True once the keeper gave no fit answer; every later call is refused, and modules give codes of their own for that. */
  hasFailed(): boolean
  /** Keeps texts that ask nothing back from now on, the first 32 of them; a question brings them along. */
  hold(): void
  /** Shows what was kept back, and keeps nothing back any more. */
  release(): void
}

/** A conversation over the channel; gives PAM_CONV_ERR to a module that gets no answer. */
export function createConversation(channel: Channel): ChannelConversation {
  let failed = false
  let held: Prompt[] | null = null
  const release = () => {
    if (held !== null && held.length > 0) channel.write({ show: held })
    held = null
  }
  const say = (prompts: readonly Prompt[]): AnswerText[] | null => {
    if (held === null || prompts.some(wantsAnswer)) {
      release()
      return ask(channel, prompts)
    }
    held = [...held, ...prompts].slice(0, MAX_MESSAGES)
    return []
  }
  return {
    hasFailed: () => failed,
    hold: () => {
      held ??= []
    },
    release,
    converse(count, messages, answers) {
      let code: number = PAM.CONV_ERR
      try {
        if (!failed) code = converse(say, count, messages, answers)
      } catch {
        // An exception would reach libpam as 0, which is PAM_SUCCESS.
      }
      failed ||= code === PAM.CONV_ERR
      return code
    },
  }
}

type Say = (prompts: readonly Prompt[]) => AnswerText[] | null

function converse(say: Say, count: number, messages: Pointer, answers: Pointer): number {
  if (count < 1 || count > MAX_MESSAGES) return PAM.CONV_ERR
  const prompts = readPrompts(count, messages)
  if (prompts === null) return PAM.CONV_ERR
  const given = say(prompts)
  return given === null ? PAM.CONV_ERR : writeAnswers(prompts, given, answers)
}

/** Shows the prompts and waits for as many answers as they want; null when they do not come. */
export function ask(channel: Channel, prompts: readonly Prompt[]): AnswerText[] | null {
  const wanted = prompts.filter(wantsAnswer).length
  channel.write(wanted === 0 ? { show: prompts } : { ask: prompts })
  return wanted === 0 ? [] : parseAnswers(channel.read(), wanted)
}

/** A module's bytes as text: at most 4096 bytes, what is not UTF-8 and every control but newline and tab replaced. */
export function decodeText(bytes: Buffer): string {
  // Streaming drops a character that the limit cut in two, instead of showing half of it.
  const text = new TextDecoder().decode(bytes.subarray(0, MAX_TEXT_BYTES), { stream: bytes.length >= MAX_TEXT_BYTES })
  // A terminal would obey escape sequences.
  return text.replaceAll('\r\n', '\n').replace(/[^\P{Cc}\n\t]/gu, '\ufffd')
}

function readPrompts(count: number, messages: Pointer): Prompt[] | null {
  const prompts: Prompt[] = []
  for (let at = 0; at < count; at++) {
    const message: { style: number; text: Pointer } = koffi.decode(
      koffi.decode(messages, at * POINTER_BYTES, 'void *'),
      MESSAGE,
    )
    const kind = KINDS.get(message.style)
    if (kind === undefined) return null
    prompts.push({ kind, text: decodeText(readBytes(message.text, MAX_TEXT_BYTES)) })
  }
  return prompts
}

function writeAnswers(prompts: readonly Prompt[], given: readonly AnswerText[], answers: Pointer): number {
  const array = calloc(prompts.length, koffi.sizeof(RESPONSE))
  if (array === null) return PAM.BUF_ERR
  const texts = given.map(copyText)
  if (texts.includes(null)) {
    for (const text of texts) free(text)
    free(array)
    return PAM.BUF_ERR
  }
  const queue = [...texts]
  prompts.forEach((prompt, at) => {
    // libpam expects one response for each message: a text that wants no answer gets NULL.
    if (wantsAnswer(prompt)) koffi.encode(array, at * koffi.sizeof(RESPONSE), 'void *', queue.shift() ?? null)
  })
  koffi.encode(answers, 'void *', array)
  return PAM.SUCCESS
}

const MESSAGE = koffi.struct('postern_pam_message', { style: 'int', text: 'void *' })
const RESPONSE = koffi.struct('postern_pam_response', { text: 'void *', unused: 'int' })
const POINTER_BYTES = koffi.sizeof('void *')

// PAM_PROMPT_ECHO_OFF, PAM_PROMPT_ECHO_ON, PAM_ERROR_MSG, PAM_TEXT_INFO; the other styles want answers that nobody can type.
const KINDS = new Map<number, Prompt['kind']>([
  [1, 'secret'],
  [2, 'text'],
  [3, 'error'],
  [4, 'info'],
])
