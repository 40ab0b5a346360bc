/** The certificate and key that the configuration names: read as files that root obeys. */
import { statSync } from 'node:fs'
import { readTrustedFile } from '../../config/file.ts'
import type { Material } from './pem.ts'

/** Paths of PEM files. */
export interface Files {
  readonly certificate: string
  readonly key: string
}

function read(path: string): { text: string; mode: number } {
  const outcome = readTrustedFile(path, process.geteuid?.() ?? 0)
  if (!outcome.ok) throw new Error(`${path}: ${outcome.message}`)
  return outcome
}

/** Reads both. Throws for one that is missing, that others can write, and for a key that others than its group can read. */
export function readFiles({ certificate, key }: Files): Material {
  const secret = read(key)
  if ((secret.mode & 0o037) !== 0) throw new Error(`${key}: can be read by others: chmod 600 it`)
  return { certificate: read(certificate).text, key: secret.text }
}

/** A text that differs when one of the files was replaced or written to. */
export function stampOf({ certificate, key }: Files): string {
  return [certificate, key]
    .map(path => {
      const stat = statSync(path, { throwIfNoEntry: false })
      return stat === undefined ? '-' : `${stat.ino} ${stat.mtimeMs} ${stat.size}`
    })
    .join(' ')
}
