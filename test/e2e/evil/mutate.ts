/** Mutants of valid messages, the same ones for the same seed. */
import { encodeFrame } from '../../../server/link/frame.ts'

/** A whole number from 0 to below `bound`. */
export type Dice = (bound: number) => number

/** A small generator (mulberry32): good enough to choose, and repeatable. */
export function createDice(seed: number): Dice {
  let state = seed
  return bound => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound
  }
}

type Json = null | boolean | number | string | Json[] | { [member: string]: Json }

const nasty: readonly (() => Json)[] = [
  () => null,
  () => true,
  () => 0,
  () => -1,
  () => 1.5,
  () => 2 ** 53,
  () => 1e308,
  () => '',
  () => '0',
  () => 'root',
  () => '\0',
  () => 'root\0x',
  () => '__proto__',
  () => '../../../etc/shadow',
  () => "' or 1=1 --",
  () => '\ud800',
  () => '\u202e\r\n',
  () => 'x'.repeat(5000),
  () => 'ü'.repeat(600),
  () => [],
  () => ({}),
  () => ['root'],
  () => ({ id: '1', name: 'root' }),
  () => JSON.parse(`${'['.repeat(2000)}${']'.repeat(2000)}`) as Json,
]

const forged = ['user', 'identity', 'roles', 'permissions', 'session', 'door', 'everyone', 'token', '__proto__', 'x']

function pick<T>(list: readonly T[], dice: Dice): T {
  const chosen = list[dice(list.length)]
  if (chosen === undefined) throw new RangeError('nothing to pick from')
  return chosen
}

function mutateText(text: string, dice: Dice): string {
  const at = dice(text.length + 1)
  const inserted = String.fromCharCode(dice(10) === 0 ? dice(0x1_0000) : 32 + dice(95))
  return text.slice(0, at) + (dice(2) === 0 ? inserted : '') + text.slice(at + dice(3))
}

function mutateValue(value: Json, dice: Dice): Json {
  if (typeof value === 'string' && dice(2) === 0) return mutateText(value, dice)
  if (typeof value === 'number' && dice(2) === 0) return value + dice(3) - 1
  return pick(nasty, dice)()
}

/** Changes, removes or adds one member somewhere within `part`. */
function mutateMember(part: { [member: string]: Json }, dice: Dice): void {
  const names = Object.keys(part)
  const kind = dice(10)
  if (names.length === 0 || kind === 0) {
    // As JSON.parse makes it: a member of its own, whatever its name.
    Object.defineProperty(part, pick(forged, dice), {
      value: pick(nasty, dice)(),
      enumerable: true,
      writable: true,
      configurable: true,
    })
    return
  }
  const name = pick(names, dice)
  const value = part[name] ?? null
  if (kind === 1) delete part[name]
  else if (typeof value === 'object' && value !== null && !Array.isArray(value) && dice(4) > 0)
    mutateMember(value, dice)
  else if (name !== '__proto__') part[name] = mutateValue(value, dice)
}

/** A message with one to three changes; those to what is in the envelope end the link, so they are fewer. */
function mutateMessage(message: object, dice: Dice): Buffer {
  const copy = structuredClone(message) as { [member: string]: Json }
  for (let left = 1 + dice(3); left > 0; left -= 1) {
    const part = copy[pick(['input', 'input', 'input', 'from'], dice)]
    const isInner = typeof part === 'object' && part !== null && !Array.isArray(part) && dice(10) < 8
    if (isInner) mutateMember(part, dice)
    else if (typeof copy.token === 'string' && dice(2) === 0) copy.token = mutateText(copy.token, dice)
    else mutateMember(copy, dice)
  }
  return encodeFrame(copy)
}

/** A frame with some bytes changed, removed or added; its length follows, or lies. */
function mutateBytes(message: object, dice: Dice): Buffer {
  const frame = encodeFrame(message)
  let payload = frame.subarray(4)
  for (let left = 1 + dice(3); left > 0; left -= 1) {
    const at = dice(payload.length)
    const between = dice(3) > 0 ? [dice(256)] : []
    payload = Buffer.concat([payload.subarray(0, at), Buffer.from(between), payload.subarray(at + dice(2))])
  }
  const header = Buffer.alloc(4)
  header.writeUInt32BE(dice(6) === 0 ? dice(2 ** 32) >>> dice(32) : payload.length)
  return Buffer.concat([header, payload])
}

/** One mutant of `message`, as bytes for the wire. Two thirds stay JSON for certain. */
export function mutate(message: object, dice: Dice): Buffer {
  return dice(3) > 0 ? mutateMessage(message, dice) : mutateBytes(message, dice)
}
