// What `hearth bench` measures: a loaded model that reads a prompt and writes tokens, ours or another program's.

import type { KernelChoices } from '../backend/kernel-choice'

/** Of one engine with one model. Times in milliseconds. */
export interface SubjectFacts {
  readonly name: string
  readonly backend: string
  readonly device: string
  /** From nothing to ready, the file in the operating system's cache. */
  readonly loadMs: number
  /** What multiplies matrices, where there is a choice and it is told. */
  readonly kernels?: KernelChoices
}

/** Times of one run in milliseconds. */
export interface Sample {
  readonly prefillMs: number
  readonly decodeMs: number
  /** Steps of `decodeMs`: as many as asked for, unless the model ended its answer. */
  readonly decoded: number
}

export interface Subject {
  readonly facts: SubjectFacts
  /** Forgets everything, reads `prompt`, then decodes greedily `gen` times. */
  run(prompt: readonly number[], gen: number, signal: AbortSignal): Promise<Sample>
  /** Most memory that its process ever had, in bytes. */
  peakRssBytes(): number
  /** Threads of each part, where the subject counts them. */
  readonly threads?: { readonly prefill: number; readonly decode: number }
  close(): Promise<void>
}

/** Any tokens cost the same; these differ, so that no cache of one row helps. */
export function promptOf(length: number, vocabulary: number): number[] {
  return Array.from({ length }, (_, i) => (i * 7919 + 1) % vocabulary)
}
