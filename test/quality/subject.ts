// Who completes: something that is given a case and answers with a ghost, or with nothing and a reason.
import type { AnswerToken, FinishReason } from '../../engine/protocol/chat'
import type { Case, Ghost } from './case'

export interface Answer {
  /** Undefined when nothing would be shown. */
  ghost?: Ghost
  /** From asking to the answer. No pause in typing is in it. */
  ms: number
  /** Tokens that the model read and wrote for it. */
  tokens: number
  /** Why there is no ghost, or how the text ended. */
  outcome: string
  /** What the model wrote, before anything was cut. */
  raw?: string
  /** The tokens of it, where the model tells how likely they were. */
  written?: Written
}

export interface Written {
  tokens: AnswerToken[]
  finishReason: FinishReason
}

export interface Subject {
  answer(one: Case, signal: AbortSignal): Promise<Answer>
  close(): Promise<void>
}

export interface OpenOptions {
  /** File of the model. */
  model: string
  device: 'cpu' | 'webgpu'
}

/** A row of the report. */
export interface SubjectRow {
  name: string
  /** What it is, for readers of the report. */
  what: string
  /** Answers are kept for the next run as long as this, the model and the case stay the same. */
  version: () => string
  /** Whether it runs without being named. */
  usual: boolean
  /** Whether it shows all that the model writes, so that its answers tell what would be shown at each boldness. */
  showsAll?: boolean
  open: (options: OpenOptions, signal: AbortSignal) => Promise<Subject>
}
