/** The first page inside: who you are, what you may do, and where you are signed in. */
import type { Output } from '../operations/table.ts'
import { livePath, renderRoom } from './layout.ts'
import { type Markup, markup, visible } from './markup.ts'
import { renderTime } from './time.ts'

type Session = Output<'session.list'>['items'][number]

export interface HomePage {
  /** the machine's name, as people know it */
  readonly hostname: string
  readonly current: Output<'session.current'>
  readonly sessions: Output<'session.list'>
}

/** The page at GET /postern/; its forms post to /postern/logout, /postern/sessions/revoke and /postern/sessions/revoke-others. */
export function homePage({ hostname, current, sessions }: HomePage): string {
  const content = markup`<h1><bdi>${visible(current.user.name)}</bdi></h1>
${renderPerson(current)}
${renderSessions(sessions, current.user.id)}`
  const title = `${visible(current.user.name)} on ${visible(hostname)}`
  return renderRoom({
    ...{ title, hostname: visible(hostname), content },
    ...{ here: '/postern/', signedIn: true, script: livePath },
  })
}

const realms = { pam: 'an account of this machine', local: 'known to postern alone' }

function renderPerson({ user, roles, permissions }: HomePage['current']): Markup {
  return markup`<section class="card" aria-labelledby="you">
<h2 id="you">You</h2>
<dl class="facts">
<div><dt>Realm</dt><dd><code>${user.realm}</code>, ${realms[user.realm]}</dd></div>
<div><dt>Number</dt><dd><code>${visible(user.id)}</code></dd></div>
<div><dt>Roles</dt><dd>${renderNames(roles, 'none')}</dd></div>
<div><dt>Permissions</dt><dd>${renderPermissions(permissions)}</dd></div>
</dl>
</section>`
}

function renderPermissions(permissions: readonly string[]): Markup {
  if (permissions.includes('*')) return markup`everything`
  const names = renderNames(permissions, 'your own sessions only')
  if (permissions.length <= 8) return names
  return markup`<details><summary>${permissions.length} permissions</summary>${names}</details>`
}

function renderNames(names: readonly string[], none: string): Markup {
  if (names.length === 0) return markup`${none}`
  return markup`<ul class="chips">${names.map(name => markup`<li><code>${visible(name)}</code></li>`)}</ul>`
}

const columns = ['Session', 'From', 'Since', 'Last used', 'Ends'] as const

function renderSessions({ items, next }: HomePage['sessions'], user: string): Markup {
  const hasOthers = items.some(({ current }) => !current) || next !== null
  const everywhereElse = markup`<form method="post" action="/postern/sessions/revoke-others"><button class="danger">Sign out everywhere else</button></form>`
  return markup`<section class="card" aria-labelledby="sessions" data-sessions-of="${user}">
<div class="heading"><h2 id="sessions">Sessions</h2>${hasOthers && everywhereElse}</div>
<p class="note" role="status" data-trouble></p>
<table>
<thead><tr>${columns.map(name => markup`<th scope="col">${name}</th>`)}<td></td></tr></thead>
<tbody>
${items.map(renderSession)}</tbody>
</table>
<p class="aside" role="status" data-news></p>
${next !== null && markup`<p class="aside">There are more; <code>postern sessions</code> lists them all.</p>`}
</section>`
}

const kinds = { token: 'Program', cookie: 'Browser', root: "Root's token" }

function renderSession({ id, kind, agent, source, created_at, last_used_at, expires_at, current }: Session): Markup {
  const badge = current && markup` <strong class="badge">this one</strong>`
  return markup`<tr data-session="${id}"${current && markup` class="current"`}>
<th scope="row" data-label="Session">${kinds[kind]}${badge}${agent !== null && markup`<span class="agent"><bdi>${visible(agent)}</bdi></span>`}</th>
<td data-label="From"><bdi>${visible(source)}</bdi></td>
<td data-label="Since">${renderTime(created_at)}</td>
<td data-label="Last used">${renderTime(last_used_at)}</td>
<td data-label="Ends">${renderTime(expires_at)}</td>
<td class="act">${!current && renderRevoke(id, `${kinds[kind]} from ${visible(source)}`)}</td>
</tr>
`
}

function renderRevoke(id: string, which: string): Markup {
  return markup`<form method="post" action="/postern/sessions/revoke"><input type="hidden" name="id" value="${id}"><button class="danger">Sign out <span class="unseen">${which}</span></button></form>`
}
