/**
 * The header fields every answer carries, as constants given with the answer: setting them one by one costs half the speed.
 * Strict-Transport-Security is not among them: it binds a host on all its ports, so plain.ts adds it where it is asked for.
 */

type Fields = Readonly<Record<string, string>>

const PERMISSIONS =
  'accelerometer=(), autoplay=(), camera=(), display-capture=(), encrypted-media=(), geolocation=(), ' +
  'gyroscope=(), hid=(), magnetometer=(), microphone=(), midi=(), payment=(), publickey-credentials-create=(self), ' +
  'publickey-credentials-get=(self), screen-wake-lock=(), serial=(), usb=(), xr-spatial-tracking=()'

const common = {
  // "no-referrer" would make a page's own forms post "Origin: null".
  'Referrer-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cache-Control': 'no-store',
} as const

const PAGE_POLICY =
  "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; " +
  "form-action 'self'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

const DATA_POLICY = "default-src 'none'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'; sandbox"

/** For answers that a program reads; one that is opened in a browser all the same can do nothing there. */
export const dataHeaders: Fields = Object.freeze({ ...common, 'Content-Security-Policy': DATA_POLICY })

/** For JSON answers. */
export const jsonHeaders: Fields = Object.freeze({ ...dataHeaders, 'Content-Type': 'application/json' })

/** For problem details (RFC 9457). */
export const problemHeaders: Fields = Object.freeze({ ...dataHeaders, 'Content-Type': 'application/problem+json' })

/** For HTML pages: everything from this origin, nothing inline. */
export const pageHeaders: Fields = Object.freeze({
  ...common,
  'Content-Security-Policy': PAGE_POLICY,
  'Permissions-Policy': PERMISSIONS,
  'Content-Type': 'text/html; charset=utf-8',
})

/** For style sheets, scripts and pictures of the pages: nothing secret in them, so kept, but asked about each time. */
export const assetHeaders: Fields = Object.freeze({ ...dataHeaders, 'Cache-Control': 'no-cache' })
