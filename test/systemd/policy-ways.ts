/** For each line of the policies in scripts/kiosk/policies the ways out that it closes, in a browser with all its bars and keys. */
import { setTimeout as pause } from 'node:timers/promises'
import { type BrowserName, extension, home, type KioskBrowser, node, type Page } from './kiosk-browser.ts'

export interface PolicyWay {
  /** The line whose absence opens the way: the names that lead to it, with a blank between. */
  readonly line: string
  readonly name: string
  readonly try: (kiosk: KioskBrowser) => Promise<void> | void
  /** Whether it led out; `before` is the page as it was. */
  readonly leadsOut: (kiosk: KioskBrowser, before: Page) => boolean
  /** What the screen shows instead; the page itself, as it was, when left out. */
  readonly shows?: RegExp
  /** The browser's start is the way, with these arguments. */
  readonly words?: readonly string[]
}

type More = Partial<PolicyWay> & Pick<PolicyWay, 'leadsOut'>

/** Firefox's panels, which tell that something is not allowed, are windows of that very name. */
export const windowsOf = ({ screen }: KioskBrowser) => screen.titles().filter(title => title !== 'Firefox')

const hasWindows = (kiosk: KioskBrowser) => windowsOf(kiosk).length > 1
const shows = (title: RegExp) => (kiosk: KioskBrowser) => windowsOf(kiosk).some(shown => title.test(shown))
const hasVisited = (kiosk: KioskBrowser) => kiosk.seen().strangers.length > 0
const hasSaid = (word: string) => (kiosk: KioskBrowser) => kiosk.seen().said.includes(word)
/** What Firefox has for a moment only, before it asks whether it may, leads nowhere. */
const stays = (isSo: PolicyWay['leadsOut']) => (kiosk: KioskBrowser, before: Page) =>
  isSo(kiosk, before) && kiosk.machine.must('sleep 1') === '' && isSo(kiosk, before)
const hasLoot = stays(kiosk => kiosk.loot() !== '')
const listensAt = (port: number) => (kiosk: KioskBrowser) =>
  kiosk.machine.run(`ss -ltn | grep -q :${port}`).status === 0
/** Something else has the keys, or stops the page. */
const isCovered = (kiosk: KioskBrowser) => {
  const { visible, agoMs } = kiosk.seen().page
  return !visible || agoMs > 2000
}
/** Something else has a part of the window. */
const isSmaller = (kiosk: KioskBrowser, before: Page) => {
  const { width, height } = kiosk.seen().page
  return width < before.width || height < before.height
}

/** Something lies over the page's colour. */
const isDimmed = ({ screen }: KioskBrowser) => screen.colour(640, 700) !== '#123456'

const visit = (line: string, url: string, more: More): PolicyWay => {
  return { line, name: url, try: kiosk => kiosk.visit(url), ...more }
}
const press = (line: string, name: string, chord: string, more: More): PolicyWay => {
  return { line, name: `${name} (${chord})`, try: ({ screen }) => screen.press(chord), ...more }
}
const act = (line: string, name: string, script: string, more: More): PolicyWay => {
  return { line, name, try: kiosk => kiosk.act(script), ...more }
}
const start = (line: string, name: string, words: readonly string[], leadsOut: PolicyWay['leadsOut']): PolicyWay => {
  return { line, name, words, try: () => {}, leadsOut }
}
/** It works in pages that are opened when it has been loaded; Chromium says in a box before all pages that it is not. */
const notLoaded = /^Error Loading Extension/m
const extended = (line: string, name: string, ...words: string[]): PolicyWay => ({
  ...start(line, name, words, hasSaid('extended')),
  try: async kiosk => {
    await kiosk.until('the browser is there', () => kiosk.isHome() || notLoaded.test(kiosk.titles()))
    if (kiosk.isHome()) await kiosk.visit(`${home}?`)
  },
})
const held = (line: string, name: string, ...keys: string[]): PolicyWay => {
  return { line, name, try: kiosk => kiosk.clickLink(1, ...keys), leadsOut: stays(shows(/^Another page/)) }
}
const link = (url: string) => `location.href = '${url}'`

const elsewhere = 'http://elsewhere.test:7641/'
const file = 'file:///srv/escape.html'
const fileChoice = `const i = document.createElement('input'); i.type = 'file'; i.click()`
const download = `const a = document.createElement('a'); a.href = URL.createObjectURL(new Blob(['x'])); a.download = 'loot'; a.click()`
const escaped = shows(/^ESCAPED/)

/** The ways to other sites, and what the browser shows in their place. */
const siteWays = (line: string, no: RegExp): PolicyWay[] => [
  visit(line, elsewhere, { leadsOut: hasVisited, shows: no }),
  visit(line, 'http://sub.site.test:7642/', { leadsOut: shows(/The other site/), shows: no }),
  visit(line, 'http://path.test:7642/', { leadsOut: shows(/The other site/), shows: no }),
  act(line, 'a link', link(elsewhere), { leadsOut: hasVisited, shows: no }),
  act(line, 'an allowed redirect', link(`/away?to=${elsewhere}`), { leadsOut: hasVisited, shows: no }),
  act(line, 'a frame', `document.querySelector('iframe').src = '${elsewhere}'`, { leadsOut: hasVisited }),
]

const blocked = /^Blocked Page/
const unreachable = /^Problem loading page/
const about = (line: string, page: string, title: RegExp): PolicyWay =>
  visit(line, `about:${page}`, { leadsOut: shows(title), shows: blocked })
const filter = 'WebsiteFilter Block'
const hijacking = 'Preferences network.proxy.allow_hijacking_localhost'
const protocols = 'Preferences network.protocol-handler.external'
const play = `
const canvas = document.createElement('canvas'), video = document.createElement('video')
canvas.width = canvas.height = 400
setInterval(() => canvas.getContext('2d').fillRect(0, 0, 400, 400), 100)
Object.assign(video, { muted: true, srcObject: canvas.captureStream(5), onplaying: () => say('playing') }).play()
document.body.append(video)`
const form = `
document.body.insertAdjacentHTML('beforeend', '<form target=f action=/other><input name=memory id=q></form><iframe name=f></iframe>')
q.form.onsubmit = () => say('sent')
q.focus()`

const firefox: readonly PolicyWay[] = [
  ...siteWays(filter, blocked),
  visit(filter, file, { leadsOut: escaped, shows: blocked }),
  visit(filter, `view-source:${file}`, { leadsOut: shows(/escape\.html/), shows: blocked }),
  visit(filter, 'data:text/html,<title>ESCAPED', { leadsOut: escaped, shows: blocked }),
  visit('Proxy', 'http://site.test:7641/', { leadsOut: hasVisited, shows: unreachable }),
  act('Proxy', 'a question of the page', `fetch('http://site.test:7641/', { mode: 'no-cors' })`, {
    leadsOut: hasVisited,
  }),
  visit(hijacking, 'http://127.0.0.1:7641/', { leadsOut: hasVisited, shows: unreachable }),
  act(hijacking, 'a question of the page', `fetch('http://127.0.0.1:7641/', { mode: 'no-cors' })`, {
    leadsOut: hasVisited,
  }),
  about('BlockAboutAddons', 'addons', /^Add-ons Manager/),
  about('BlockAboutConfig', 'config', /^Advanced Preferences/),
  about('BlockAboutProfiles', 'profiles', /^About Profiles/),
  about('BlockAboutSupport', 'support', /^Troubleshooting/),
  about('DisableTelemetry', 'telemetry', /^Telemetry/),
  about('DisableDeveloperTools', 'debugging', /^Debugging/),
  about('PasswordManagerEnabled', 'logins', /^Passwords/),
  press('DisableDeveloperTools', 'developer tools', 'F12', { leadsOut: isSmaller }),
  start('DisableDeveloperTools', 'Marionette', ['--marionette'], listensAt(2828)),
  start('DisableDeveloperTools', 'remote debugging', ['--remote-debugging-port=9222'], listensAt(9222)),
  press('DisablePrivateBrowsing', 'a private window', 'ctrl+shift+p', { leadsOut: hasWindows }),
  press('AIControls', 'the chatbots', 'ctrl+alt+x', { leadsOut: isSmaller }),
  press('AllowFileSelectionDialogs', 'a file', 'ctrl+o', { leadsOut: hasWindows }),
  act('AllowFileSelectionDialogs', 'a choice of files', fileChoice, { leadsOut: hasWindows }),
  {
    line: 'DisableSafeMode',
    name: 'the troubleshoot mode in the menu',
    try: async ({ screen }) => {
      screen.press('alt+h')
      await pause(700)
      screen.press('m')
    },
    leadsOut: isCovered,
  },
  press('DisableFirefoxScreenshots', 'a picture of the page', 'ctrl+shift+s', { leadsOut: isDimmed }),
  act('ContentAnalysis', 'a download by a link', link('/loot'), { leadsOut: hasLoot }),
  act('ContentAnalysis', 'a download by script', download, { leadsOut: hasLoot }),
  {
    line: 'DisableFormHistory',
    name: 'what somebody else typed',
    try: async kiosk => {
      await kiosk.act(form)
      await pause(300)
      kiosk.screen.type('loot')
      await pause(300)
      kiosk.screen.press('Return')
      await kiosk.until('the form is sent', () => kiosk.seen().said.includes('sent'))
      await kiosk.act(`q.value = ''; q.focus(); q.oninput = () => say('offered ' + q.value)`)
      await pause(300)
      kiosk.screen.press('Down')
      await pause(500)
      kiosk.screen.press('Down', 'Return')
    },
    leadsOut: hasSaid('offered loot'),
  },
  extended('ExtensionSettings', 'an extension of the system'),
  {
    line: 'PictureInPicture',
    name: 'a video in a window of its own',
    try: async kiosk => {
      await kiosk.act(play)
      await kiosk.until('the video plays', () => kiosk.seen().said.includes('playing'))
      kiosk.screen.press('ctrl+shift+bracketright')
    },
    leadsOut: hasWindows,
  },
  visit('PopupBlocking', 'http://127.0.0.1:7640/popup', { leadsOut: shows(/^Another page/), shows: /^No popup/ }),
  act('Preferences browser.link.open_newwindow', 'a tab by script', `open('/other', '_blank')`, {
    leadsOut: shows(/^Another page 1 /),
    shows: /^Another page ([2-9]|\d\d)/,
  }),
  act(
    'Preferences browser.link.open_newwindow.restriction',
    'a window by script',
    `open('/other', '_blank', 'width=300')`,
    {
      leadsOut: hasWindows,
      shows: /^Another page ([2-9]|\d\d)/,
    },
  ),
  held('autoconfig window', 'a link with Shift held', 'shift'),
  held('autoconfig tab', 'a link with Ctrl and Shift held', 'ctrl', 'shift'),
  press('autoconfig window', 'a new window', 'ctrl+n', { leadsOut: stays(hasWindows) }),
  press('autoconfig tab', 'a new tab', 'ctrl+t', { leadsOut: stays(isCovered) }),
  press('autoconfig tab', 'the source of the page', 'ctrl+u', { leadsOut: stays(isCovered) }),
  act(`${protocols}.mailto`, 'a program for mail', link('mailto:x@y.test'), { leadsOut: isCovered }),
  act(`${protocols}-default`, 'another program', link('escape:x'), { leadsOut: isCovered }),
  act('PrintingEnabled', 'printing by script', 'print()', { leadsOut: isCovered }),
]

const all = 'URLBlocklist *'
const isGranted = (kiosk: KioskBrowser) => kiosk.seen().said.includes('prompt')
const permission = (name: string) => `navigator.permissions.query({ name: '${name}' }).then(({ state }) => say(state))`
/** Has the page say something by Chromium's DevTools protocol. */
const debug = `
const targets = await (await fetch('http://127.0.0.1:9222/json')).json()
const socket = new WebSocket(targets.find(({ url }) => url === '${home}').webSocketDebuggerUrl)
socket.onopen = () => socket.send(JSON.stringify({ id: 1, method: 'Runtime.evaluate', params: { expression: "say('debugged')" } }))
socket.onmessage = socket.onerror = () => process.exit()`
const anyHost = /^[\w.]+\.test$|^[\w.]+\.test /

const chromium: readonly PolicyWay[] = [
  ...siteWays(all, anyHost),
  visit(all, 'http://site.test:7641/', { leadsOut: hasVisited, shows: anyHost }),
  act(all, 'another program', link('escape:x'), { leadsOut: isCovered, shows: /^escape:/ }),
  visit(all, file, { leadsOut: escaped, shows: /^file:/ }),
  visit(all, 'view-source:http://127.0.0.1:7640/other', { leadsOut: shows(/^view-source/) }),
  visit('URLBlocklist chrome://*', 'chrome://settings/', { leadsOut: shows(/^Settings/), shows: /^chrome:/ }),
  visit(all, 'devtools://devtools/bundled/inspector.html', { leadsOut: shows(/^DevTools/) }),
  visit(all, 'javascript:say("script")', { leadsOut: hasSaid('script') }),
  visit(all, 'data:text/html,<title>ESCAPED', { leadsOut: escaped }),
  press('IncognitoModeAvailability', 'a private window', 'ctrl+shift+n', { leadsOut: hasWindows }),
  press(all, 'developer tools', 'ctrl+shift+i', { leadsOut: isSmaller }),
  press('AllowFileSelectionDialogs', 'a file', 'ctrl+o', { leadsOut: hasWindows }),
  act('AllowFileSelectionDialogs', 'a choice of files', fileChoice, { leadsOut: hasWindows }),
  act('DownloadRestrictions', 'a download by a link', link('/loot'), { leadsOut: hasLoot }),
  visit('DefaultPopupsSetting', 'http://127.0.0.1:7640/popup', {
    leadsOut: shows(/^Another page/),
    shows: /^No popup/,
  }),
  {
    ...extended('ExtensionInstallBlocklist', 'an extension of the command line', `--load-extension=${extension}`),
    shows: notLoaded,
  },
  {
    line: 'BrowserAddPersonEnabled',
    name: 'other people in the menu',
    // Above "manage" is the guest, who has a line below, else "add"; where neither is, a page that is blocked, in a tab.
    try: async ({ screen }) => {
      screen.press('ctrl+shift+m')
      await pause(1000)
      screen.press('Up', 'Up', 'Return')
    },
    leadsOut: hasWindows,
  },
  // From here on a fresh browser each: with that tab, the page would be in two.
  start('BrowserGuestModeEnabled', "a guest's window", ['--guest'], shows(/^New Tab|guest/i)),
  {
    ...start(
      'DeveloperToolsAvailability',
      'a script by remote debugging',
      ['--remote-debugging-port=9222'],
      hasSaid('debugged'),
    ),
    try: async kiosk => {
      await kiosk.untilHome()
      kiosk.machine.run([node, '--input-type=module', '-e', debug])
    },
  },
  act('AudioCaptureAllowed', 'the microphone', permission('microphone'), { leadsOut: isGranted }),
  act('VideoCaptureAllowed', 'the camera', permission('camera'), { leadsOut: isGranted }),
  act('ScreenCaptureAllowed', 'a picture of the screen', 'navigator.mediaDevices.getDisplayMedia()', {
    leadsOut: isCovered,
  }),
  act('PrintingEnabled', 'printing by script', 'print()', { leadsOut: isCovered }),
]

export const policyWays: Readonly<Record<BrowserName, readonly PolicyWay[]>> = { firefox, chromium }

/** Lines without a way that they alone close, and why they stay. */
export const otherLines: Readonly<Record<string, string>> = {
  'WebsiteFilter Exceptions': 'nothing would be shown without it',
  URLAllowlist: 'nothing would be shown without it',
}
