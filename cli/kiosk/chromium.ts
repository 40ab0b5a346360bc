/** Chromium as a kiosk: what its fresh profile holds. */
import type { BrowserKind } from './kind.ts'

/** Its start page and its manners; the format is that of its own file. */
function preferencesOf(url: string): object {
  return {
    // 4: open these pages.
    session: { restore_on_startup: 4, startup_urls: [url] },
    browser: { check_default_browser: false, has_seen_welcome_page: true, enable_spellchecking: false },
    profile: { exit_type: 'Normal', exited_cleanly: true, password_manager_enabled: false },
    credentials_enable_service: false,
    autofill: { profile_enabled: false, credit_card_enabled: false },
    // 2: never.
    net: { network_prediction_options: 2 },
    search: { suggest_enabled: false },
    translate: { enabled: false },
    alternate_error_pages: { enabled: false },
    safebrowsing: { enabled: false },
    signin: { allowed: false },
    bookmark_bar: { show_on_all_tabs: false },
  }
}

/** Nothing is asked of anybody but postern, nothing is kept outside the profile, no bubble and no bar is shown. */
const words = [
  '--kiosk',
  // No keys for windows, tabs and pages of its own.
  '--force-app-mode',
  // No windows by a page either.
  '--block-new-web-contents',
  '--no-first-run',
  '--no-default-browser-check',
  '--noerrdialogs',
  '--hide-crash-restore-bubble',
  '--disable-session-crashed-bubble',
  '--disable-background-networking',
  '--disable-breakpad',
  '--disable-component-update',
  '--disable-crash-reporter',
  '--disable-domain-reliability',
  '--disable-pinch',
  '--disable-sync',
  '--overscroll-history-navigation=0',
  '--disk-cache-size=16777216',
  // Else it asks a keyring for a password, on the screen.
  '--password-store=basic',
  '--ozone-platform-hint=auto',
  // For postern kiosk alone, whose end is then the browser's.
  '--remote-debugging-pipe',
]

export const chromium: BrowserKind = {
  // Not google-chrome: it reads its policies elsewhere, and the ways out would be open.
  programs: ['chromium', 'chromium-browser'],
  hint: 'apt-get install chromium chromium-sandbox',
  files: url => ({ 'Default/Preferences': JSON.stringify(preferencesOf(url)), 'First Run': '' }),
  // It writes the file again from its memory; the ticket in it is spent.
  linkFile: null,
  words: profile => [`--user-data-dir=${profile}`, ...words],
  env: {},
  hasPipe: true,
}
