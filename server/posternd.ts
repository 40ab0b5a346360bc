/** The entry of posternd: which of its programs was asked for. */
import { createRequire } from 'node:module'
import { version } from './operations/version.ts'

const args = process.argv.slice(2)

async function main(): Promise<void> {
  if (args.includes('--version')) {
    process.stdout.write(`${version}\n`)
    return
  }
  if (args.includes('--gate')) {
    // A file of its own: nothing of the gate is ever loaded into the keeper's process.
    createRequire(__filename)('./postern-gate.cjs')
    return
  }
  const { parseOptions, usage } = await import('./keeper/options.ts')
  if (args.includes('--help')) {
    process.stdout.write(usage)
    return
  }
  const options = parseOptions(args)
  // A gate loads on another core while the keeper loads here.
  const isAlone = options.keeperOnly || options.checkConfig
  const firstGate = isAlone ? null : (await import('./keeper/gates/process.ts')).spawnGate(__dirname)
  const { checkConfiguration, runKeeper } = await import('./keeper/main.ts')
  if (options.checkConfig) process.exit(await checkConfiguration(options, process.env))
  await runKeeper(options, __dirname, firstGate)
}

main().catch(fault => {
  process.stderr.write(
    `posternd: error: ${fault instanceof TypeError ? `${fault.message} (see --help)` : fault.stack}\n`,
  )
  process.exit(fault instanceof TypeError ? 64 : 1)
})
