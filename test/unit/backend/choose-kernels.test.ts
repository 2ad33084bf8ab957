// Which kernels are chosen, given the features of an adapter, what is remembered of it, and times.
import assert from 'node:assert/strict'
import type { KernelChoice, KernelChoices, KernelMemory } from '../../../engine/backend/kernel-choice'
import {
  byFeatures,
  chooseKernels,
  contestOf,
  fastest,
  situationOf,
  withoutTime,
} from '../../../engine/backend/webgpu/choose-kernels'
import { noShape, type DeviceTraits } from '../../../engine/backend/webgpu/kernels/table'
import type { Launch } from '../../../engine/backend/webgpu/lowering'
import { candidates } from '../../../engine/backend/webgpu/webgpu-backend'

const gpu: DeviceTraits = { subgroups: { min: 32, max: 32 }, subgroupId: true, packedDot: true }
const withoutSubgroups: DeviceTraits = { subgroups: undefined, subgroupId: true, packedDot: true }
const lavapipe: DeviceTraits = { subgroups: { min: 8, max: 8 }, subgroupId: true, packedDot: true }

const lanes: KernelChoice = { kernel: 'matvec-lanes-8', why: '1.00 ms', isMeasured: true }
const tile: KernelChoice = { kernel: 'matmul-tile', why: '2.00 ms', isMeasured: true }
const integers: KernelChoice = { kernel: 'matmul-integers', why: '1.00 ms', isMeasured: true }
const unknown: KernelChoice = { kernel: 'matmul-of-old', why: '1.00 ms', isMeasured: true }

describe('the kernels that take part', () => {
  const rows: [string, 'decode' | 'prefill', DeviceTraits, boolean, string, string[]][] = [
    [
      'for one token on a GPU',
      'decode',
      gpu,
      false,
      'matvec-subgroups',
      ['matvec-lanes-4', 'matvec-lanes-8', 'matvec-workgroup'],
    ],
    ['for one token without subgroups', 'decode', withoutSubgroups, true, 'matvec-workgroup', []],
    [
      'for many on a GPU',
      'prefill',
      gpu,
      false,
      'matmul-tile',
      ['matmul-lanes-4', 'matmul-16-lanes-8', 'matmul-lanes-8'],
    ],
    ['for many without subgroups', 'prefill', withoutSubgroups, false, 'matmul-tile', []],
    [
      'for many, and rounding is allowed',
      'prefill',
      withoutSubgroups,
      true,
      'matmul-tile',
      ['matmul-integers'],
    ],
    [
      'and no instruction for integers',
      'prefill',
      { ...withoutSubgroups, packedDot: false },
      true,
      'matmul-tile',
      [],
    ],
  ]
  for (const [name, situation, traits, allowsRounding, own, rivals] of rows) {
    it(name, () => {
      const contest = contestOf(situation, traits, { allowsRounding })
      assert.equal(contest.own.name, own)
      assert.deepEqual(
        contest.rivals.map((row) => row.name),
        rivals,
      )
    })
  }
})

describe('the fastest kernel', () => {
  const rows: [string, [string, number[]][], KernelChoice][] = [
    ['the own one alone', [['own', [3, 3, 3]]], withoutTime('own')],
    [
      'the own one after too few rounds',
      [
        ['own', [9, 9, 9]],
        ['rival', [1, 1]],
      ],
      withoutTime('own'),
    ],
    [
      'a rival that is clearly faster',
      [
        ['own', [1, 1.2, 1.1, 1.1]],
        ['rival', [0.5, 0.6, 0.7]],
      ],
      { kernel: 'rival', why: '0.60 ms, own 1.10 ms', isMeasured: true },
    ],
    [
      'by more than one outlier',
      [
        ['own', [1, 1.2, 1.1, 1.1, 0.1]],
        ['rival', [0.5, 0.6, 0.5, 0.5, 9]],
      ],
      { kernel: 'rival', why: '0.50 ms, own 1.10 ms', isMeasured: true },
    ],
    [
      'not one that is hardly faster',
      [
        ['own', [1, 1, 1]],
        ['rival', [0.95, 0.95, 0.95]],
      ],
      { kernel: 'own', why: '1.00 ms, rival 0.95 ms', isMeasured: true },
    ],
    [
      'not one whose times are noise',
      [
        ['own', [0.3, 0.9, 1, 1.1, 2]],
        ['rival', [0.2, 0.4, 0.5, 0.95, 1.5]],
      ],
      { kernel: 'own', why: '1.00 ms, rival 0.50 ms', isMeasured: true },
    ],
    [
      'the own one beside slower ones',
      [
        ['own', [0.01, 0.01, 0.01]],
        ['slow', [9, 9, 9]],
        ['rival', [2, 2, 2]],
      ],
      { kernel: 'own', why: '10.0 µs, rival 2.00 ms', isMeasured: true },
    ],
  ]
  for (const [name, timings, expected] of rows) {
    it(name, () => {
      const got = fastest(
        'own',
        timings.map(([kernel, ms]) => ({ kernel, ms })),
      )
      assert.deepEqual(got, expected)
    })
  }
})

describe('choosing kernels', () => {
  const features = { decode: byFeatures('matvec-subgroups'), prefill: byFeatures('matmul-tile') }
  const measured = { decode: lanes, prefill: tile }
  const old = { decode: { ...lanes, why: 'remembered' }, prefill: tile }
  interface Row {
    name: string
    memory: 'none' | 'empty' | KernelChoices
    software?: boolean
    expected: KernelChoices
    /** Whether it measured, and remembered that. */
    measures: boolean
  }
  const rows: Row[] = [
    { name: 'by features without a memory', memory: 'none', expected: features, measures: false },
    {
      name: 'by features on a software adapter',
      memory: 'empty',
      software: true,
      expected: features,
      measures: false,
    },
    { name: 'by measuring the first time', memory: 'empty', expected: measured, measures: true },
    { name: 'as remembered', memory: old, expected: old, measures: false },
    {
      name: 'again when a kernel is gone',
      memory: { ...old, decode: unknown },
      expected: measured,
      measures: true,
    },
    {
      name: 'again when a remembered one rounds and may not',
      memory: { ...old, prefill: integers },
      expected: measured,
      measures: true,
    },
  ]
  for (const { name, memory, software = false, expected, measures } of rows) {
    it(name, async () => {
      const kept: [string, KernelChoices][] = []
      let times = 0
      const fake: KernelMemory = {
        recall: (adapter) =>
          Promise.resolve(typeof memory === 'string' || adapter !== 'GPU 7' ? undefined : memory),
        remember: (adapter, choices) => Promise.resolve(void kept.push([adapter, choices])),
      }
      const got = await chooseKernels(
        { identity: 'GPU 7', software },
        gpu,
        { allowsRounding: false },
        memory === 'none' ? undefined : fake,
        () => {
          times++
          return Promise.resolve(measured)
        },
      )
      assert.deepEqual(got, expected)
      assert.equal(times, measures ? 1 : 0)
      assert.deepEqual(kept, measures ? [['GPU 7', measured]] : [])
    })
  }
})

describe('a measured choice', () => {
  const shape = { ...noShape, rows: 64, cols: 64, integers: true }
  const kernels = { decode: lanes, prefill: { ...lanes, kernel: 'matmul-lanes-8' } }
  const rows: [string, number, number, DeviceTraits, KernelChoices | undefined, string][] = [
    ['goes before features for one token', 1, 64, gpu, kernels, 'matvec-lanes-8'],
    ['goes before features for a chunk', 256, 64, gpu, kernels, 'matmul-lanes-8'],
    ['says nothing of a few tokens', 8, 64, gpu, kernels, 'matmul-tile'],
    ['gives way where its kernel cannot run', 1, 50, gpu, kernels, 'matvec-workgroup'],
    ['is needed', 1, 64, gpu, undefined, 'matvec-subgroups'],
    [
      'by features is left to the table',
      16,
      64,
      lavapipe,
      { decode: byFeatures('matvec-workgroup'), prefill: byFeatures('matmul-tile') },
      'matmul-16-lanes-8',
    ],
  ]
  for (const [name, maxTokens, cols, traits, choices, expected] of rows) {
    it(name, () => {
      const launch: Launch = {
        op: 'matmul',
        type: 'q4_0',
        shape: { ...shape, maxTokens, cols },
        params: new Uint32Array(8),
        operands: [],
        perSequence: false,
        single: false,
      }
      const found = candidates(launch, traits, choices && { kernels: choices })
      assert.deepEqual(
        found.map((row) => row.name),
        [expected],
      )
    })
  }

  it('is for one token or for more than the kernels for a few take', () => {
    const got = [1, 2, 8, 9, 256].map((maxTokens) => situationOf({ ...noShape, maxTokens }))
    assert.deepEqual(got, ['decode', undefined, undefined, 'prefill', 'prefill'])
  })
})
