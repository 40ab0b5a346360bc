/** The messages of the link, as types: what a gate or a local client may say to the keeper, and what it hears. */
import type { Event } from '../operations/event.ts'
import type { Refusal } from '../operations/operation.ts'

/** A frame's largest payload, in bytes. */
export const maxFrameBytes = 1024 * 1024
/** Requests that may be in flight on one link, and how many of them may be logins. */
export const maxInFlight = 256
export const maxLoginsInFlight = 64
/** How many of these may be from this machine, and how many from elsewhere: sixteen are out of reach for each. */
export const maxLoginsOfOneKind = 48

/** Whether an operation counts among the logins in flight: it may wait for PAM and for a person. */
export function isLogin(operation: string): boolean {
  return operation.startsWith('login.')
}

/** A gate from which nothing is heard for this long is ended. */
export const silenceMs = 10_000

/**
 * What the sender knows of the connection a request came by. The keeper rests nothing on it but the source that the
 * throttle counts and whether the connection is local.
 */
export interface From {
  readonly source: string
  readonly local: boolean
  /** uid of the loopback peer, null if it is none or unknown. */
  readonly uid: number | null
  /** Browser's scheme is https. */
  readonly secure: boolean
  readonly agent: string | null
}

export type ToKeeper =
  | { readonly type: 'hello'; readonly version: string }
  | {
      readonly type: 'request'
      readonly id: number
      readonly operation: string
      readonly input: unknown
      readonly token: string | null
      readonly from: From
    }
  /** Nobody waits for that answer any more. */
  | { readonly type: 'cancel'; readonly id: number }
  | { readonly type: 'acknowledge'; readonly id: number }
  /** The gate serves; each listener as a URL, `unix:PATH` for a UNIX socket. */
  | { readonly type: 'listening'; readonly listeners: readonly string[] }
  | { readonly type: 'pong' }

/** What a gate that the keeper spawned is told on its stdin, as JSON, before it does anything. */
export interface GateOrder {
  readonly runtime: string
  /** Its number among `workers`, from 0: the first opens the UNIX sockets, which cannot be shared. */
  readonly worker: number
  readonly workers: number
  /** Whom to become; null to stay. */
  readonly user: { readonly uid: number; readonly gid: number } | null
}

/** A certificate, with its chain, and its private key: PEM texts. */
export interface Material {
  readonly certificate: string
  readonly key: string
}

/** What a gate is told at its hello and again when it changes: its part of the configuration. */
export interface GateSettings {
  readonly listen: readonly Place[]
  readonly hostname: string
  readonly fqdn: string | null
  readonly hosts: readonly string[]
  readonly trusted_proxies: readonly string[]
  readonly kiosk_uid: number | null
  readonly cookie_seconds: number
  readonly issuer: string
  /** Public signing keys, a JWK set (RFC 7517); empty with HS256, when only the keeper can check a signature. */
  readonly jwks: { readonly keys: readonly { readonly [member: string]: unknown }[] }
  readonly verify_at_keeper: boolean
  /** PEM texts of what HTTPS is served with; null while it is not served. */
  readonly tls: Material | null
  /** What `Strict-Transport-Security` says; 0 for no such field. */
  readonly hsts_seconds: number
  readonly log_level: 'debug' | 'info' | 'warn' | 'error'
  readonly version: string
}

/** Where HTTP is served: a UNIX socket, or an address (`*` for all) and port. */
export type Place =
  | { readonly unix: string }
  | { readonly address: string; readonly port: number; readonly tls: boolean }

/** What a gate must forget: one session, all of one identity, or everything. */
export type Forget = { readonly session: string } | { readonly identity: string } | 'everything'

export type ToGate =
  | { readonly type: 'settings'; readonly settings: GateSettings }
  | { readonly type: 'answer'; readonly id: number; readonly answer: Answer }
  | { readonly type: 'forget'; readonly id: number; readonly what: Forget }
  /** Something happened; `to` are the channels, of those that subscribers of this gate hear, that it goes to. */
  | { readonly type: 'event'; readonly event: Event; readonly to: readonly string[] }
  | { readonly type: 'ping' }
  /** The keeper is about to stop. */
  | { readonly type: 'bye' }

export type Answer = { readonly ok: true; readonly value: unknown } | Refusal
