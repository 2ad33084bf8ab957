// The machine that was measured, in words that say how fast it may be and not whose it is.
import { availableParallelism, cpus, totalmem } from 'node:os'

export interface Machine {
  cpu: string
  cores: number
  memoryGB: number
  system: string
  node: string
}

export function describeMachine(): Machine {
  return {
    cpu:
      cpus()[0]
        ?.model.replace(/\((R|TM)\)/gi, '')
        .replace(/\s+/g, ' ')
        .trim() ?? 'unknown processor',
    cores: availableParallelism(),
    memoryGB: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${process.arch}`,
    node: process.versions.node,
  }
}

/** Such as `amd-epyc-2-cores`: a part of file names. */
export function slugOf({ cpu, cores }: Machine): string {
  return `${cpu} ${cores} cores`
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
}
