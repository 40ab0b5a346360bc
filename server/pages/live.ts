/** The script of the home page: a session that ends elsewhere is gone from the list at once, and so is who is signed out. */

/**
 * Plain script for browsers, served as it is: it writes text and takes rows away, and knows nothing that the page does not.
 * Without it the page is right when it is loaded.
 */
export const live = `'use strict'
;(() => {
  const list = document.querySelector('[data-sessions-of]')
  const news = document.querySelector('[data-news]')
  if (list === null || news === null) return
  const user = list.getAttribute('data-sessions-of')
  const rows = () => [...document.querySelectorAll('[data-session]')]
  let since = null
  let pause = 500

  const leave = () => location.assign('/login?next=' + encodeURIComponent(location.pathname))

  const say = text => {
    news.textContent = text + ' '
    const link = document.createElement('a')
    link.textContent = 'Show'
    link.href = location.pathname
    news.append(link)
  }

  const hear = event => {
    since = event.id
    pause = 500
    if (event.kind === 'ready' && event.missed) say('Something has changed.')
    if (event.kind !== 'session' || event.user.id !== user) return
    const row = rows().find(one => one.getAttribute('data-session') === event.session)
    if (event.action === 'ended' && row !== undefined) {
      row.remove()
      news.textContent = 'A session has ended.'
    }
    if (event.action === 'began' && row === undefined) say('There is a new session.')
  }

  const open = () => {
    const scheme = location.protocol === 'https:' ? 'wss://' : 'ws://'
    const query = '?kinds=session' + (since === null ? '' : '&since=' + since)
    const socket = new WebSocket(scheme + location.host + '/postern/v1/events' + query)
    socket.addEventListener('message', ({ data }) => hear(JSON.parse(data)))
    socket.addEventListener('close', ({ code }) => {
      if (code === 4401) return leave()
      setTimeout(open, pause)
      pause = Math.min(pause * 2, 30000)
    })
  }
  open()
})()
`
