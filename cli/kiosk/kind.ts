/** What postern must know of a browser to make a kiosk of it. */

/** What is particular to a browser. */
export interface BrowserKind {
  /** Its names, the likeliest first. */
  readonly programs: readonly string[]
  /** What to type where it is missing. */
  readonly hint: string
  /** The files of a fresh profile that opens `url`, by their paths. */
  files(url: string): Readonly<Record<string, string>>
  /** The file that may be removed once the browser has read the link in it; null when that is no use. */
  readonly linkFile: string | null
  /** Its command line: where the profile is, and never what it opens, since everybody can read a command line. */
  words(profile: string): readonly string[]
  readonly env: NodeJS.ProcessEnv
  /** Whether it is watched over pipes (`devtools-pipe.ts`): it does not end by itself when a page has crashed, and opens others. */
  readonly hasPipe: boolean
}
