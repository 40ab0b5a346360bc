/** The kinds of events: for programs too, which load no schemas. */

export const eventKinds = ['session', 'login', 'throttle', 'config'] as const

export type EventKind = (typeof eventKinds)[number]
