/** `cert`: the certificate that HTTPS is served with. */
import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import type { Output } from '../server/operations/table.ts'
import { formatFields } from './columns.ts'
import { type Context, type Run, requireYes } from './context.ts'
import { CommandFault } from './fault.ts'
import { examples } from './help.ts'
import { formatTime } from './time.ts'

/** Adds the command. */
export function addCert(program: Command, run: Run): void {
  const cert = program
    .command('cert')
    .description('show, replace and renew the certificate of HTTPS')
    .helpCommand(false)
    .addHelpText('after', examples(['postern cert', 'its fingerprint, names and dates'], ['postern cert renew', '']))
  cert
    .command('show', { isDefault: true })
    .description('show the certificate and the fingerprint of its key')
    .addHelpText('after', examples(['postern cert show', ''], ['postern cert show --json', '']))
    .action(run(async context => print(context, await (await context.connect()).call('cert.show', {}))))
  cert
    .command('renew')
    .description("make postern's own certificate anew, for the names and addresses of now; the key stays")
    .addHelpText('after', examples(['postern cert renew', 'after the machine got another name']))
    .action(run(async context => print(context, await (await context.connect()).call('cert.renew', {}))))
  cert
    .command('import <certificate> <key>')
    .description('serve with a certificate and key of your own, PEM files')
    .addHelpText('after', examples(['postern cert import fullchain.pem privkey.pem', '']))
    .action(run(importFiles))
}

function readPem(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (fault) {
    const code = fault instanceof Error && 'code' in fault ? String(fault.code) : 'unknown error'
    throw new CommandFault('usage', `${path} cannot be read (${code})`)
  }
}

async function importFiles(context: Context, certificate: string, key: string) {
  const input = { certificate: readPem(certificate), key: readPem(key) }
  const { call } = await context.connect()
  return print(context, await call('cert.import', input))
}

async function print(context: Context, answer: Parameters<typeof requireYes<Output<'cert.show'>>>[0]) {
  const value = requireYes(answer)
  context.print(value, formatCertificate(value))
  return undefined
}

/** A certificate for people. */
export function formatCertificate(certificate: Output<'cert.show'>): string {
  const { fingerprint, certificate_sha256: sha256, names, addresses, key } = certificate
  return formatFields([
    ['fingerprint', fingerprint],
    ['certificate', `SHA-256 ${sha256}`],
    ['names', names],
    ['addresses', addresses],
    ['from', formatTime(certificate.not_before)],
    ['until', formatTime(certificate.not_after)],
    ['key', key],
    ['signed by', certificate.self_signed ? 'itself: compare the fingerprint' : 'an authority'],
  ])
}
