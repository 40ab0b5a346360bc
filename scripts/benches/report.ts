/** Figures, and the line that tells them. */

/** The upper of the two in the middle where the count is even; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

/** Prints both figures, their ratio, and the goal for it in words. */
export function report(what: string, postern: number, other: number, unit: string, goal: string): void {
  const show = (value: number) => (value >= 100 ? value.toFixed(0) : value.toFixed(1))
  const ratio = (postern / other).toFixed(2)
  process.stdout.write(
    `${what}: postern ${show(postern)} ${unit}, compared with ${show(other)} ${unit}: ${ratio} × (goal ${goal})\n`,
  )
}
