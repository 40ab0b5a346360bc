/** This postern's version: keeper and gate of different versions do not talk. */
export const version = '0.1.0'
