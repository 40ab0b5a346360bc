/** Instants as people read them. */
import { type Markup, markup } from './markup.ts'

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** A `<time>` of an RFC 3339 instant, readable to the minute and in UTC; of anything else the text itself. */
export function renderTime(instant: string): Markup {
  const at = new Date(instant)
  if (Number.isNaN(at.getTime())) return markup`${instant}`
  const iso = at.toISOString()
  const day = `${at.getUTCDate()} ${months[at.getUTCMonth()]} ${at.getUTCFullYear()}`
  const text = `${nonBreaking(day)}, ${nonBreaking(`${iso.slice(-13, -8)} UTC`)}`
  return markup`<time datetime="${iso}">${text}</time>`
}

/** In a narrow column a line ends between day and time, not within one. */
function nonBreaking(text: string): string {
  return text.replaceAll(' ', '\u{a0}')
}
