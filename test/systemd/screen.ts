/** A screen in a machine: an X server that draws into memory, looked at and typed at. */
import type { ChildProcess } from 'node:child_process'
import { setTimeout as pause } from 'node:timers/promises'
import type { Machine, Outcome } from '../support/machine.ts'

export const display = ':0'

export class MachineScreen {
  readonly machine: Machine
  readonly #server: ChildProcess | null
  readonly #env: string

  private constructor(machine: Machine, server: ChildProcess | null, env = `DISPLAY=${display}`) {
    this.machine = machine
    this.#server = server
    this.#env = env
  }

  /** The screen of an X server that a session starts, whose secret is in that file. */
  static of(machine: Machine, authority: string): MachineScreen {
    return new MachineScreen(machine, null, `DISPLAY=${display} XAUTHORITY=${authority}`)
  }

  /** Starts the X server; whoever is inside may draw on it. */
  static async start(machine: Machine): Promise<MachineScreen> {
    const words = ['Xvfb', display, '-screen', '0', '1280x800x24', '-nolisten', 'tcp', '-ac']
    const screen = new MachineScreen(machine, machine.spawn(words))
    for (let left = 100; screen.do('getdisplaygeometry').status !== 0; left--) {
      if (left === 0) throw new Error('no X server')
      await pause(50)
    }
    return screen
  }

  /** Runs xdotool. */
  do(...words: string[]): Outcome {
    return this.machine.run(['env', ...this.#env.split(' '), 'xdotool', ...words])
  }

  /** Presses keys, one after the other, in the window that has the focus. */
  press(...keys: string[]): void {
    this.do('key', '--delay', '60', ...keys)
  }

  type(text: string, delayMs = 20): void {
    this.do('type', '--delay', String(delayMs), text)
  }

  click(x: number, y: number, button = 1): void {
    this.do('mousemove', String(x), String(y), 'click', String(button))
  }

  /** The titles of the windows that are to be seen. */
  titles(): string[] {
    const { stdout } = this.do('search', '--onlyvisible', '--name', '.', 'getwindowname', '%@')
    return stdout.split('\n').filter(title => title !== '')
  }

  /** A picture of all that is to be seen, as PNG. */
  shoot(): Buffer {
    return Buffer.from(this.machine.must(`${this.#env} import -window root png:- | base64 -w0`), 'base64')
  }

  /** The colour of a point, as #RRGGBB. */
  colour(x: number, y: number): string {
    return this.colours([x, y])[0] ?? ''
  }

  /** The colours of several points at the same instant. */
  colours(...points: readonly (readonly [number, number])[]): string[] {
    const pixels = points.map(([x, y]) => `#%[hex:p{${x},${y}}]`).join(' ')
    const { stdout } = this.machine.run(
      `${this.#env} import -window root -depth 8 ppm:- | convert - -format '${pixels}' info:`,
    )
    return stdout.split(' ')
  }

  stop(): void {
    this.#server?.kill('SIGTERM')
  }
}
