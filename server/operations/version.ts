/** This postern's version: keeper and gate of different versions do not talk. */
export const version = '0.1.0'

/** A day before this version was made, in milliseconds: a clock that shows less is wrong. */
export const releasedMs = Date.UTC(2026, 0, 1)
