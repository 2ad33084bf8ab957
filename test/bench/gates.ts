// Every figure that speed is judged by: what it must reach, what it aims at, and where the number comes from.
import type { Spread } from '../../engine/cli/bench-rounds'
import type { Machine } from './machine'

/** What a job measured, by names that rows know. */
export type Found = Readonly<Record<string, Spread>>

export interface Gate {
  /** The job that measures it, and the name of its figure there. */
  job: string
  figure: string
  where: string
  what: string
  unit: 'x' | 's' | '% of a core' | 'bytes' | '%'
  better: 'more' | 'less'
  gate: number
  aim: number
}

export interface Result extends Gate {
  found: Spread
  /** How often it was measured. */
  runs: number
  /** In absolute numbers: ours, and llama.cpp's. */
  detail: string
  quick: boolean
  date: string
}

export interface Results {
  machine: Machine
  results: readonly Result[]
}

const vulkan = 'llama.cpp Vulkan on the same adapter'
const times = { unit: 'x', better: 'more' } as const

export const gates: readonly Gate[] = [
  ...(
    [
      ['smollm2-135m', 'SmolLM2-135M', 5, 8],
      ['qwen2.5-0.5b', 'Qwen2.5-0.5B', 4, 6],
    ] as const
  ).flatMap(([shape, name, gate, aim]): Gate[] => [
    {
      ...times,
      job: `lavapipe-${shape}-128`,
      figure: 'decode',
      where: 'lavapipe',
      what: `${name}: decode over ${vulkan}`,
      gate,
      aim,
    },
    ...['128', '512'].map((tokens): Gate => ({
      ...times,
      job: `lavapipe-${shape}-${tokens}`,
      figure: 'prefill',
      where: 'lavapipe',
      what: `${name}: prefill of ${tokens} over ${vulkan}`,
      gate: 5,
      aim: 8,
    })),
    {
      unit: 'x',
      better: 'less',
      job: `lavapipe-${shape}-128`,
      figure: 'peakRss',
      where: 'lavapipe',
      what: `${name}: peak memory over ${vulkan}`,
      gate: 1,
      aim: 0.8,
    },
    {
      ...times,
      job: `cpu-${shape}`,
      figure: 'decode',
      where: 'cpu',
      what: `${name}: decode over llama.cpp CPU at its best thread count`,
      gate: 0.4,
      aim: 0.8,
    },
    {
      ...times,
      job: `cpu-${shape}`,
      figure: 'prefill',
      where: 'cpu',
      what: `${name}: prefill of 128 over llama.cpp CPU at its best thread count`,
      gate: 0.15,
      aim: 0.4,
    },
  ]),
  {
    unit: 's',
    better: 'less',
    job: 'first-token',
    figure: 'cold',
    where: 'lavapipe',
    what: 'SmolLM2-135M: start to first token, empty shader cache',
    gate: 5,
    aim: 2,
  },
  {
    unit: 'x',
    better: 'less',
    job: 'first-token',
    figure: 'again',
    where: 'lavapipe',
    what: 'SmolLM2-135M: second start over first, to first token',
    gate: 1,
    aim: 1,
  },
  ...['cpu', 'lavapipe'].map((where): Gate => ({
    ...times,
    job: `lookup-${where}`,
    figure: 'ratio',
    where,
    what: 'SmolLM2-135M: decode with prompt lookup over without, a name changed in 200 lines',
    gate: 1.5,
    aim: 2.5,
  })),
  {
    unit: 'x',
    better: 'less',
    job: 'far',
    figure: 'ratio',
    where: 'cpu',
    what: 'RWKV-5 0.1B: a token at position 32,000 over one at 100',
    gate: 1.02,
    aim: 1.02,
  },
  {
    unit: 'bytes',
    better: 'less',
    job: 'far',
    figure: 'growth',
    where: 'cpu',
    what: 'RWKV-5 0.1B: growth of its state between these',
    gate: 0,
    aim: 0,
  },
  ...['cpu', 'lavapipe'].map((where): Gate => ({
    unit: '% of a core',
    better: 'less',
    job: `idle-${where}`,
    figure: 'cpu',
    where,
    what: 'SmolLM2-135M: engine idle with the model loaded',
    gate: 0.5,
    aim: 0.1,
  })),
  ...(
    [
      ['qwen2.5-0.5b', 'Qwen2.5-0.5B'],
      ['qwen2.5-1.5b', 'Qwen2.5-1.5B'],
      ['qwen2.5-coder-7b', 'Qwen2.5-Coder-7B'],
    ] as const
  ).flatMap(([shape, name]): Gate[] => [
    {
      ...times,
      job: `gpu-${shape}`,
      figure: 'decode',
      where: 'gpu',
      what: `${name}: decode over ${vulkan}`,
      gate: 0.8,
      aim: 1.2,
    },
    {
      ...times,
      job: `gpu-${shape}`,
      figure: 'prefill',
      where: 'gpu',
      what: `${name}: prefill of 512 over ${vulkan}`,
      gate: 0.5,
      aim: 1,
    },
  ]),
  {
    unit: '%',
    better: 'more',
    job: 'gpu-bandwidth',
    figure: 'ofCopy',
    where: 'gpu',
    what: 'Qwen2.5-Coder-7B: bytes of weights that decode reads over bytes that the card copies',
    gate: 50,
    aim: 80,
  },
]

export type Verdict = 'aim' | 'met' | 'missed'

export function verdictOf({ better, gate, aim, found: { median } }: Result): Verdict {
  const reaches = (wanted: number): boolean => (better === 'more' ? median >= wanted : median <= wanted)
  return reaches(aim) ? 'aim' : reaches(gate) ? 'met' : 'missed'
}
