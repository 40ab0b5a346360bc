/** The reference of the API, read off the map of routes. */
import type { Route } from '../operations/route.ts'
import { curlExample, headerFile } from './curl-example.ts'
import { renderRoom } from './layout.ts'
import { type Markup, markup, prose, visible } from './markup.ts'

/** An operation that HTTP reaches. */
export interface HttpRoute extends Route {
  readonly method: NonNullable<Route['method']>
  readonly path: string
}

export interface DocsPage {
  /** the machine's name, as people know it */
  readonly hostname: string
  /** scheme and host for the examples, as the browser named them */
  readonly origin: string
  /** the map of routes by operation; those of the link alone are left out */
  readonly routes: { readonly [name: string]: Route }
  /** whether to offer the way out */
  readonly signedIn: boolean
}

type Entry = readonly [name: string, route: HttpRoute]

/** What stands before every path of the table. */
export const apiPrefix = '/postern/v1'

/** The page at GET /postern/docs. */
export function docsPage({ hostname, origin, routes, signedIn }: DocsPage): string {
  const entries = Object.entries(routes).filter((entry): entry is [string, HttpRoute] => isHttpRoute(entry[1]))
  const nouns = [...Map.groupBy(entries, ([name]) => name.split('.')[0] ?? name)]
  const content = markup`<h1>API</h1>
<p class="lead">JSON in, JSON out, under <code>${apiPrefix}</code>. A request shows its token as <code>Authorization: Bearer TOKEN</code>; a refusal is a problem document (RFC 9457) whose <code>code</code> says why. The examples read that header from a file <code>${headerFile}</code> that only you can read, because every account of a machine can read its command lines.</p>
<p><a href="${apiPrefix}/openapi.json">OpenAPI document</a></p>
<nav class="card" aria-labelledby="operations">
<h2 id="operations">Operations</h2>
<dl class="contents">
${nouns.map(renderContents)}</dl>
</nav>
${nouns.flatMap(([, group]) => group.map(entry => renderOperation(entry, origin)))}`
  return renderRoom({
    title: `API of ${visible(hostname)}`,
    hostname: visible(hostname),
    here: '/postern/docs',
    signedIn,
    content,
  })
}

function isHttpRoute({ method, path }: Route): boolean {
  return method !== null && path !== null
}

function renderContents([noun, group]: readonly [string, readonly Entry[]]): Markup {
  const links = group.map(([name]) => markup`<li><a href="#${name}">${name}</a></li>`)
  return markup`<div><dt>${noun}</dt><dd><ul>${links}</ul></dd></div>
`
}

function renderOperation([name, route]: Entry, origin: string): Markup {
  return markup`<article class="card operation" id="${name}" aria-labelledby="${name}-name">
<h2 id="${name}-name">${name}</h2>
<p class="route"><code class="method">${route.method}</code> <code>${apiPrefix}${route.path}</code></p>
<p>${prose(route.summary)}</p>
<p class="access">${renderAccess(route.access)}</p>
${renderInput(route)}
<pre tabindex="0" aria-label="Example"><code>${visible(curlExample(route, `${origin}${apiPrefix}`))}</code></pre>
</article>
`
}

function renderAccess(access: string): Markup {
  if (access === 'public') return markup`For anybody.`
  if (access === 'session') return markup`For everybody who is signed in.`
  return markup`Needs <code>${access}</code>.`
}

function renderInput({ input, path }: HttpRoute): Markup | false {
  const fields = Object.entries(input)
  if (fields.length === 0) return false
  const rows = fields.map(([name, { type, required, about }]) => {
    const place = path.includes(`{${name}}`) && ', in the path'
    return markup`<tr><th scope="row" data-label="Input"><code>${name}</code></th><td data-label="Type">${type}</td><td data-label="Needed">${required ? 'yes' : 'no'}${place}</td><td data-label="About">${prose(about)}</td></tr>
`
  })
  return markup`<table>
<thead><tr><th scope="col">Input</th><th scope="col">Type</th><th scope="col">Needed</th><th scope="col">About</th></tr></thead>
<tbody>
${rows}</tbody>
</table>`
}
