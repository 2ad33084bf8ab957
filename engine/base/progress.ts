// How long work tells how far it is.

export interface Progress {
  /** `fraction` from 0 to 1, or undefined while the total is unknown; `text` is one line for people. */
  report(fraction: number | undefined, text: string): void
}

export const noProgress: Progress = { report: () => undefined }
