/** What a test made on the machine is undone at the end of its process, however that ends. */

const leftovers = new Set<() => void>()

process.once('exit', () => {
  for (const clean of leftovers) {
    try {
      clean()
    } catch (fault) {
      process.stderr.write(`${fault}\n`)
    }
  }
})
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))

/** Remembers `clean` for the end of the process. What it gives forgets it again: true the first time, the caller then cleans. */
export function cleanAtEnd(clean: () => void): () => boolean {
  leftovers.add(clean)
  return () => leftovers.delete(clean)
}
