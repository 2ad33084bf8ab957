// Who completes: something that is given a case and answers with a ghost, or with nothing and a reason.
import type { Case, Ghost } from './case'
import type { RecordedModel } from './recorded-model'

export interface Answer {
  /** Undefined when nothing would be shown. */
  ghost?: Ghost
  /** Tokens that the model read and wrote for it. */
  tokens: number
  /** Why there is no ghost, or how the text ended. */
  outcome: string
  /** What the model wrote, before anything was cut. */
  raw?: string
}

export interface Subject {
  answer(one: Case, signal: AbortSignal): Promise<Answer>
  close(): Promise<void>
}

export interface OpenOptions {
  /** File of the model. */
  model: string
  device: 'cpu' | 'webgpu'
  recorded: RecordedModel
}

/** A row of the report. */
export interface SubjectRow {
  name: string
  /** What it is, for readers of the report. */
  what: string
  /** Answers are kept for the next run as long as this, the model and the case stay the same. Absent where they cost little. */
  version?: () => string
  /** Whether it runs without being named. */
  usual: boolean
  /** The row to compare with; `hearth` when left out. */
  base?: string
  /** Answers only the first so many cases. */
  first?: number
  open: (options: OpenOptions) => Promise<Subject>
}
