/** "Did you mean …": the known word nearest to a mistyped one. */

/** The nearest of `known`, if it is near enough to be meant: a third of the letters may differ, two at most for short words. */
export function nearest(word: string, known: readonly string[]): string | null {
  if (word.length > 64) return null
  let best: { name: string; distance: number } | null = null
  for (const name of known) {
    const distance = editDistance(word.toLowerCase().replaceAll('-', '_'), name.toLowerCase())
    if (distance <= Math.max(1, Math.floor(name.length / 3)) && distance < (best?.distance ?? Infinity))
      best = { name, distance }
  }
  return best?.name ?? null
}

/** Levenshtein's distance, two neighbours exchanged counting as one step. */
function editDistance(a: string, b: string): number {
  let older: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, at) => at)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      const steps = [(last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + same]
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) steps.push((older[j - 2] ?? 0) + 1)
      row.push(Math.min(...steps))
    }
    older = last
    last = row
  }
  return last[b.length] ?? 0
}
