/** Where a login leads: a path of this site, and nothing that a browser could take for another. */

/** The path, query and fragment of `text` if it stays on this site, else null. */
export function parseNext(text: string | null | undefined): string | null {
  // Browsers take `//host` and `/\host` for another site, and drop tabs and line ends before they look.
  if (!text || !/^\/(?![/\\])[^\\\p{Cc}]*$/u.test(text) || text.length > 2048) return null
  const here = 'http://postern.invalid'
  if (!URL.canParse(text, here)) return null
  const url = new URL(text, here)
  if (url.origin !== here || url.pathname.startsWith('//')) return null
  return url.pathname + url.search + url.hash
}
