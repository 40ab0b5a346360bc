/** The script of the home page: a session that ends elsewhere is gone from the list at once, and so is who is signed out. */

/**
 * Plain script for browsers, served as it is: it writes text and takes rows away, and knows nothing that the page does not.
 * Without it the page is right when it is loaded.
 */
export const live = `'use strict'
;(() => {
  const list = document.querySelector('[data-sessions-of]')
  const news = document.querySelector('[data-news]')
  const trouble = document.querySelector('[data-trouble]')
  if (list === null || news === null || trouble === null) return
  // A proxy may have postern below a path: this script is there too.
  const base = new URL('../../', document.currentScript.src)
  const user = list.getAttribute('data-sessions-of')
  const rows = () => [...document.querySelectorAll('[data-session]')]
  let since = null
  let pause = 500
  let failures = 0

  // What follows next= is written as postern writes it, from its own root.
  const next = location.pathname.slice(base.pathname.length - 1)
  const leave = () => location.assign(base.pathname + 'login?next=' + encodeURIComponent(next))

  const say = (place, text, offer) => {
    const link = document.createElement('a')
    link.textContent = offer
    link.href = location.pathname
    place.replaceChildren(text + ' ', link)
  }

  const hear = event => {
    since = event.id
    pause = 500
    if (event.kind === 'ready' && event.missed) say(news, 'Something has changed.', 'Show')
    if (event.kind !== 'session' || event.user.id !== user) return
    const row = rows().find(one => one.getAttribute('data-session') === event.session)
    if (event.action === 'ended' && row !== undefined) {
      row.remove()
      news.textContent = 'A session has ended.'
    }
    if (event.action === 'began' && row === undefined) say(news, 'There is a new session.', 'Show')
  }

  // Browsers do not tell a page why a handshake was refused. One may fail because the daemon starts again.
  const fail = () => {
    failures += 1
    if (failures !== 2) return
    say(trouble, 'This page is not live: it gets no connection to postern. If that stays so, postern’s log says why.', 'Reload')
  }

  const open = () => {
    const query = '?kinds=session' + (since === null ? '' : '&since=' + since)
    // http: becomes ws:, and https: wss:
    const socket = new WebSocket('ws' + base.href.slice(4) + 'postern/v1/events' + query)
    let opened = false
    socket.addEventListener('open', () => {
      opened = true
      failures = 0
      trouble.replaceChildren()
    })
    socket.addEventListener('message', ({ data }) => hear(JSON.parse(data)))
    socket.addEventListener('close', ({ code }) => {
      if (code === 4401) return leave()
      if (!opened) fail()
      setTimeout(open, pause)
      pause = Math.min(pause * 2, 30000)
    })
  }
  open()
})()
`
