/** The shape of an entry of the table of operations. */
import type { z } from 'zod'
import type { CommonReason, Reason } from './reason.ts'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/**
 * Who may call: anybody, anybody with a session, or those whose roles hold the permission.
 * `max_auth_age_seconds` asks that the login is no older (a step-up); root's token always satisfies it.
 */
export type Access =
  | 'public'
  | 'session'
  | { readonly permission: string; readonly max_auth_age_seconds?: number | undefined }

/**
 * One capability, declared once. Schemas are wire types (no transforms); inputs are strict objects, outputs plain ones.
 * `http` is null for an operation of the link alone. `more` describes the members that a refusal carries beside its reason.
 */
export interface Operation<I extends z.ZodObject, O extends z.ZodType, R extends Reason> {
  readonly summary: string
  readonly http: `${Method} /${string}` | null
  readonly access: Access
  readonly input: I
  readonly output: O
  readonly refuses: readonly R[]
  readonly more?: { readonly [P in R]?: z.ZodObject }
  readonly audit?: 'always' | 'refusals'
  /** The members of the input that the audit trail tells: on whom or what it was done. Never one that holds a secret. */
  readonly trail?: readonly (keyof z.infer<I> & string)[]
}

/** An entry with whatever schemas. */
export type AnyOperation = Operation<z.ZodObject, z.ZodType, Reason>

/** Gives the entry back with its exact type. */
export function operation<I extends z.ZodObject, O extends z.ZodType, const R extends Reason>(
  entry: Operation<I, O, R>,
): Operation<I, O, R> {
  return entry
}

/** A refusal: the reason, a sentence for people, and the members that the entry's `more` declares for that reason. */
export interface Refusal<R extends Reason = Reason> {
  readonly ok: false
  readonly reason: R
  readonly detail?: string | undefined
  readonly more?: { readonly [member: string]: unknown } | undefined
}

/** What an operation answers: its output, or a refusal. */
export type AnswerOf<O, R extends Reason> = { readonly ok: true; readonly value: O } | Refusal<R | CommonReason>

/** A yes. */
export function yes<T>(value: T): { readonly ok: true; readonly value: T } {
  return { ok: true, value }
}

/** A no, with a sentence for people. */
export function no<R extends Reason>(reason: R, detail?: string, more?: Refusal['more']): Refusal<R> {
  return { ok: false, reason, ...(detail !== undefined && { detail }), ...(more !== undefined && { more }) }
}
