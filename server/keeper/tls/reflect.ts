/**
 * The three functions of the `Reflect` metadata proposal that @peculiar/x509's container asks for at its loading, as small
 * as they can be: notes on an object, by key and member.
 */

const notes = new WeakMap<object, Map<string, unknown>>()

function nameOf(key: unknown, member?: PropertyKey): string {
  return `${String(key)} ${String(member ?? '')}`
}

function getOwnMetadata(key: unknown, target: object, member?: PropertyKey): unknown {
  return notes.get(target)?.get(nameOf(key, member))
}

function getMetadata(key: unknown, target: object, member?: PropertyKey): unknown {
  for (let at: object | null = target; at !== null; at = Object.getPrototypeOf(at)) {
    const found = getOwnMetadata(key, at, member)
    if (found !== undefined) return found
  }
  return undefined
}

function defineMetadata(key: unknown, value: unknown, target: object, member?: PropertyKey): void {
  const own = notes.get(target) ?? new Map<string, unknown>()
  notes.set(target, own.set(nameOf(key, member), value))
}

/** Adds what is missing to `Reflect`; once is enough. */
export function addMetadata(): void {
  if ('getMetadata' in Reflect) return
  Object.assign(Reflect, { getMetadata, getOwnMetadata, defineMetadata })
}
