/** Builds the test PAM module with the machine's gcc. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The built module; PAM services name it by this absolute path. */
export interface PamModule {
  readonly path: string
  remove(): void
}

/** Compiles into a new temporary directory that only root may enter; needs gcc and libpam0g-dev. */
export function buildPamModule(): PamModule {
  const directory = mkdtempSync(join(tmpdir(), 'postern-pam-'))
  const remove = () => rmSync(directory, { recursive: true, force: true })
  process.once('exit', remove)
  const path = join(directory, 'pam_postern_test.so')
  const source = join(import.meta.dirname, 'pam_postern_test.c')
  execFileSync('gcc', ['-Wall', '-Wextra', '-Werror', '-shared', '-fPIC', '-o', path, source, '-lpam'], {
    stdio: 'pipe',
  })
  return { path, remove }
}
