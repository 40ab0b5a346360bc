/**
 * Runs as the kiosk's user: a browser as `postern kiosk` starts it, at a page that is not the daemon's.
 *
 *   open-page.ts firefox|chromium URL
 *   open-page.ts firefox|chromium URL --bare [WORD…]    as anybody has it, with its windows, bars and keys, and these arguments
 */
import { Browser, findKind, findProgram } from '../../cli/kiosk/browser.ts'
import type { BrowserKind } from '../../cli/kiosk/kind.ts'
import { findMemory } from '../../cli/kiosk/private-directory.ts'

/** What opens the page in Firefox without questions, and would rather have all ways open: a policy that is not locked loses. */
const preferences = {
  'browser.startup.page': 1,
  'browser.startup.homepage_override.mstone': 'ignore',
  'browser.link.open_newwindow': 3,
  'browser.link.open_newwindow.restriction': 2,
  'dom.disable_open_during_load': false,
  'network.proxy.allow_hijacking_localhost': false,
  'network.proxy.type': 0,
  'xpinstall.signatures.required': false,
  'extensions.autoDisableScopes': 0,
}

/** The same in Chromium: popups are allowed. */
const sitePreferences = { default_content_setting_values: { popups: 1 } }

const bare = {
  firefox: {
    files: (url: string) => ({
      'user.js': Object.entries({ ...preferences, 'browser.startup.homepage': url })
        .map(([name, value]) => `user_pref("${name}", ${JSON.stringify(value)});\n`)
        .join(''),
    }),
    words: (profile: string) => ['--profile', profile, '--no-remote'],
  },
  chromium: {
    files: (url: string) => ({
      'Default/Preferences': JSON.stringify({
        session: { restore_on_startup: 4, startup_urls: [url] },
        browser: { check_default_browser: false },
        profile: sitePreferences,
      }),
      'First Run': '',
    }),
    words: (profile: string) => [`--user-data-dir=${profile}`, '--no-first-run', '--password-store=basic'],
    hasPipe: false,
  },
}

const [word, url = '', how, ...words] = process.argv.slice(2)
const name = word === 'firefox' ? word : 'chromium'
const kind: BrowserKind = how === '--bare' ? { ...findKind(name), ...bare[name] } : findKind(name)
const memory = findMemory(process.env, process.getuid?.() ?? 0)
const launcher = { kind, program: findProgram(kind, process.env), words, env: process.env, memory }
const browser = new Browser(launcher, url, null)
const end = () => void browser.end().then(() => process.exit(0))
browser.over.addEventListener('abort', end)
process.once('SIGTERM', end)
