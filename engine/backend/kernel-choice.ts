// Which kernels multiply matrices on a device, why these, and where that is remembered.

/** Steps of one token, and chunks of a prompt. */
export type Situation = 'decode' | 'prefill'

export interface KernelChoice {
  readonly kernel: string
  /** For people: "the features of the adapter" or "0.31 ms, matvec-lanes-8 0.44 ms". */
  readonly why: string
  /** Whether it was faster than others, and goes before the choice by features. */
  readonly isMeasured: boolean
}

export type KernelChoices = Readonly<Record<Situation, KernelChoice>>

/** Keeps what was measured between processes. Both resolve whatever happens: what is forgotten is measured again. */
export interface KernelMemory {
  /** What was last remembered for an adapter, undefined when nothing can be made of it. */
  recall(adapter: string): Promise<KernelChoices | undefined>
  remember(adapter: string, choices: KernelChoices): Promise<void>
}

/** "matvec-lanes-8 for one token (why), matmul-tile for many (why)". */
export function describeKernels({ decode, prefill }: KernelChoices): string {
  const one = `${decode.kernel} for one token (${decode.why})`
  return `${one}, ${prefill.kernel} for many (${prefill.why})`
}
