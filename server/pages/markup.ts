/** HTML text whose every value is escaped, and text made fit to be shown to people. */
import { html } from 'hono/html'

/** A piece of HTML that needs no escaping any more. */
export type Markup = Exclude<ReturnType<typeof html>, Promise<unknown>>

type Value = string | number | false | null | undefined | Markup | readonly Value[]

/**
 * HTML from a template: strings are escaped, markup goes in as it is, lists are joined, and false, null and undefined leave
 * nothing. Attribute values must stand in double quotes; escaping does not make an unquoted one safe.
 */
export function markup(strings: TemplateStringsArray, ...values: readonly Value[]): Markup {
  const made = html(strings, ...values)
  if (made instanceof Promise) throw new TypeError('markup: a value is a promise')
  return made
}

/**
 * Text of a stranger's making with control characters, lone surrogates and direction overrides shown as U+FFFD, so that
 * nothing looks like something else; line breaks and tabs stay. It is not escaped: give it to `markup`.
 */
export function visible(text: string): string {
  return text.replace(/[\p{Cs}\p{Bidi_Control}]|(?![\n\t])\p{Cc}/gu, '\u{fffd}')
}

/** Our own prose, in which `backticks` mark code. */
export function prose(text: string): Markup {
  return markup`${text.split('`').map((part, at) => (at % 2 === 1 ? markup`<code>${part}</code>` : part))}`
}
