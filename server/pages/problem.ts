/** The page of a refusal: what it is, what was wrong this time, and the code that programs go by. */
import { renderDocument } from './layout.ts'
import { markup, visible } from './markup.ts'

export interface ProblemPage {
  readonly title: string
  readonly status: number
  readonly detail?: string | undefined
  readonly code: string
}

/** The page that people get where programs get problem details (RFC 9457). */
export function problemPage({ title, status, detail, code }: ProblemPage): string {
  const body = markup`<main class="problem">
<h1>${visible(title)}</h1>
${detail !== undefined && markup`<p>${visible(detail)}</p>`}
<p class="code">${status} <code>${visible(code)}</code></p>
<p><a href="/postern/">Back to the start</a></p>
</main>`
  return renderDocument({ title: visible(title), shape: 'gate', body })
}
