// When to write what all windows share and each keeps a copy of: while a window is in focus, so that no two replace it at once.

export class SaveInFocus {
  #isUnsaved = false
  #timer: NodeJS.Timeout | undefined

  /** @param delayMs from a change to `save`: long enough for other windows to hear of the last one before the focus came here */
  constructor(
    private readonly save: () => Promise<void>,
    private readonly delayMs: number,
    private focused: boolean,
  ) {}

  /** There is something to save. */
  changed(): void {
    this.#isUnsaved = true
    this.#saveLater()
  }

  /** What is left when the focus goes is saved at once. Whatever comes after that waits until it is back. */
  async focusChanged(focused: boolean): Promise<void> {
    this.focused = focused
    if (focused) this.#saveLater()
    else await this.now()
  }

  /** Saves what there is to save. */
  async now(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (!this.#isUnsaved) return
    this.#isUnsaved = false
    await this.save()
  }

  /** There is nothing left to save. */
  forget(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#isUnsaved = false
  }

  #saveLater(): void {
    if (this.focused && this.#isUnsaved) this.#timer ??= setTimeout(() => void this.now(), this.delayMs)
  }
}
