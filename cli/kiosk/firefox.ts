/** Firefox as a kiosk: what its fresh profile holds. */
import type { BrowserKind } from './kind.ts'

/** What keeps the pages, memories and voices of Firefox away, so that the screen shows one page and nothing is kept or told. */
const preferences = {
  'browser.startup.page': 1,
  // Without it the first-run page wins over the start page.
  'browser.startup.homepage_override.mstone': 'ignore',
  'browser.aboutwelcome.enabled': false,
  'browser.shell.checkDefaultBrowser': false,
  'browser.tabs.warnOnClose': false,
  'browser.warnOnQuit': false,
  'datareporting.policy.dataSubmissionPolicyBypassNotification': true,
  'termsofuse.bypassNotification': true,
  'trailhead.firstrun.didSeeAboutWelcome': true,
  // Crash recovery.
  'browser.sessionstore.resume_from_crash': false,
  'browser.sessionstore.max_resumed_crashes': -1,
  'toolkit.startup.max_resumed_crashes': -1,
  'browser.sessionstore.privacy_level': 2,
  // Telemetry, studies, updates: nothing is asked of anybody but postern.
  'datareporting.healthreport.uploadEnabled': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'toolkit.telemetry.enabled': false,
  'toolkit.telemetry.unified': false,
  'toolkit.telemetry.reportingpolicy.firstRun': false,
  'app.normandy.enabled': false,
  'app.shield.optoutstudies.enabled': false,
  'app.update.auto': false,
  'browser.region.network.url': '',
  'browser.newtabpage.enabled': false,
  'browser.newtabpage.activity-stream.feeds.system.topstories': false,
  'browser.safebrowsing.downloads.remote.enabled': false,
  'browser.safebrowsing.malware.enabled': false,
  'browser.safebrowsing.phishing.enabled': false,
  'browser.search.update': false,
  'extensions.getAddons.cache.enabled': false,
  'extensions.systemAddon.update.enabled': false,
  'extensions.update.enabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'network.dns.disablePrefetch': true,
  'network.prefetch-next': false,
  'network.http.speculative-parallel-limit': 0,
  // A prefetched link would be a spent one.
  'browser.urlbar.speculativeConnect.enabled': false,
  'services.settings.server': 'data:,',
  // Passwords, forms, history, cache on a disk.
  'signon.rememberSignons': false,
  'signon.autofillForms': false,
  'browser.formfill.enable': false,
  'extensions.formautofill.addresses.enabled': false,
  'extensions.formautofill.creditCards.enabled': false,
  'places.history.enabled': false,
  'browser.cache.disk.enable': false,
  'browser.download.useDownloadDir': true,
  'browser.download.always_ask_before_handling_new_types': false,
  'browser.download.panel.shown': true,
  'browser.download.alwaysOpenPanel': false,
  // The style below.
  'toolkit.legacyUserProfileCustomizations.stylesheets': true,
  'accessibility.typeaheadfind.manual': false,
  // One window, one tab: what asks for another opens in this one.
  'browser.link.open_newwindow': 1,
  'browser.link.open_newwindow.restriction': 0,
  'browser.link.open_newwindow.override.external': 1,
  'browser.tabs.opentabfor.middleclick': false,
  'middlemouse.contentLoadURL': false,
  'middlemouse.openNewWindow': false,
  'browser.tabs.loadDivertedInBackground': true,
  // "You are now full screen, press Esc": nothing for a kiosk.
  'full-screen-api.warning.timeout': 0,
  'browser.fullscreen.autohide': true,
  'ui.key.menuAccessKeyFocuses': false,
} as const

/** Keys that open windows, tabs, panels, files and pages of Firefox itself. What is not here works: find, zoom, back, reload, copy. */
const closedKeys = [
  'addBookmarkAsKb bookmarkAllTabsKb manBookmarkKb viewBookmarksSidebarKb viewBookmarksToolbarKb',
  'focusURLBar focusURLBar2 key_search key_search2 goHome openFileKb printKb',
  'key_aboutProcesses key_addTabSplitView key_separateTabSplitView key_duplicateTab key_showAllTabs',
  'key_close key_closeWindow key_quitApplication key_newNavigator key_newNavigatorTab key_privatebrowsing',
  'key_undoCloseWindow key_restoreLastClosedTabOrWindowOrSession key_enterFullScreen key_exitFullScreen',
  'key_enterFullScreen_old key_enterFullScreen_compat key_exitFullScreen_old key_exitFullScreen_compat',
  'key_gotoHistory showAllHistoryKb key_openAddons key_openDownloads key_sanitize key_sanitize_mac key_savePage',
  'key_screenshot key_togglePictureInPicture key_togglePictureInPicture2 key_toggleReaderMode key_viewInfo',
  'key_viewSource key_wrCaptureCmd key_wrToggleCaptureSequenceCmd',
  'toggleSidebarKb viewGenaiChatSidebarKb viewOpenTabsSidebarKb',
  'key_toggleToolbox key_toggleToolboxF12 key_browserToolbox key_browserConsole key_responsiveDesignMode',
  'key_inspector key_webconsole key_jsdebugger key_netmonitor key_styleeditor key_performance key_storage key_dom',
  'key_accessibility key_profilerStartStop key_profilerStartStopAlternate key_profilerCapture',
  'key_profilerCaptureAlternate key_inspectorMac',
].flatMap(line => line.split(' '))

/** The browser's own bars, which keys reach even where they are not to be seen, and its panels, whose buttons open other windows. */
const style =
  '#navigator-toolbox, #downloadsPanel, #appMenu-popup, #unified-extensions-panel { display: none !important }\n'

/** A file of JavaScript that is read once, at the start: values are JSON, which is JavaScript. */
function formatPreferences(values: Readonly<Record<string, unknown>>): string {
  return Object.entries(values)
    .map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`)
    .join('')
}

export const firefox: BrowserKind = {
  programs: ['firefox-esr', 'firefox'],
  hint: 'apt-get install firefox-esr',
  files: url => ({
    'user.js': formatPreferences({ ...preferences, 'browser.startup.homepage': url }),
    'chrome/userChrome.css': style,
    // An entry without a key takes the key away.
    'customKeys.json': JSON.stringify(Object.fromEntries(closedKeys.map(id => [id, {}]))),
  }),
  linkFile: 'user.js',
  words: profile => ['--profile', profile, '--no-remote', '--new-instance', '--kiosk'],
  // Its crash reporter would keep pieces of memory, and outlive it. When a page's process crashes, the browser ends.
  env: { MOZ_CRASHREPORTER_DISABLE: '1', MOZ_CRASHREPORTER_SHUTDOWN: '1', MOZ_DATA_REPORTING: '0' },
  hasPipe: false,
}
