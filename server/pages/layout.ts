/** The frame of every page: head, mark, and for those who are signed in the bar with the way about and the way out. */
import { type Markup, markup } from './markup.ts'

/** Where pages ask for the style sheet and the mark. */
export const stylePath = '/postern/assets/style.css'
export const markPath = '/postern/assets/mark.svg'
/** What keeps a page up to date; it works without. */
export const livePath = '/postern/assets/live.js'

interface Document {
  readonly title: string
  /** class of the body: how the page is laid out */
  readonly shape: 'gate' | 'house'
  readonly body: Markup
  /** path of a script of ours */
  readonly script?: string | undefined
}

/** A whole page as text. */
export function renderDocument({ title, shape, body, script }: Document): string {
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>${title}</title>
<link rel="icon" type="image/svg+xml" href="${markPath}">
<link rel="stylesheet" href="${stylePath}">
${
  script !== undefined &&
  markup`<script src="${script}" defer></script>
`
}</head>
<body class="${shape}">
${body}
</body>
</html>
`.toString()
}

/** A page of one card under the arch: what somebody sees who is not in yet. */
export function renderArch(title: string, card: Markup): string {
  const body = markup`<main class="arch">
<img class="mark" src="${markPath}" width="56" height="56" alt="">
${card}
</main>`
  return renderDocument({ title, shape: 'gate', body })
}

interface Room {
  readonly title: string
  readonly hostname: string
  /** path of the page itself, marked in the bar */
  readonly here: '/postern/' | '/postern/docs'
  /** whether to offer the way out */
  readonly signedIn: boolean
  readonly content: Markup
  /** path of a script of ours */
  readonly script?: string | undefined
}

const rooms = [
  ['/postern/', 'Home'],
  ['/postern/docs', 'API'],
] as const

const logout = markup`<form method="post" action="/postern/logout"><button class="quiet">Sign out</button></form>`

/** A page with the bar above it. */
export function renderRoom({ title, hostname, here, signedIn, content, script }: Room): string {
  const links = rooms.map(
    ([path, name]) =>
      markup`<li><a href="${path}"${path === here && markup` aria-current="page"`}>${name}</a></li>
`,
  )
  const body = markup`<a class="skip" href="#content">Skip to the content</a>
<header class="bar">
<p class="place"><img class="mark" src="${markPath}" width="32" height="32" alt=""> <bdi>${hostname}</bdi></p>
<nav aria-label="Pages"><ul>
${links}</ul></nav>
${signedIn ? logout : markup`<a href="/login">Sign in</a>`}
</header>
<main id="content">
${content}
</main>`
  return renderDocument({ title, shape: 'house', body, script })
}
