// Rows for operations that treat each value, column or head by itself.
import { activations } from '../../engine/backend/webgpu/kernels/activations'
import { GraphBuilder, whole, type Activation, type Operation, type Value } from '../../engine/graph/graph'
import { input, inputRows, manySteps, opCase, type OpCase } from './op-case'

/** Operations on inputs of the same width as the result. */
type Elementwise = Extract<
  Operation,
  {
    op:
      | 'scale-by-position'
      | 'activate'
      | 'gated'
      | 'add'
      | 'multiply'
      | 'scale-columns'
      | 'softcap'
      | 'l2-norm'
  }
>

export const elementwiseCases: readonly OpCase[] = [
  ...(Object.keys(activations) as Activation[]).flatMap((activation) => [
    // Ordinary values, and values whose exp is beyond float32.
    ...[4, 120].map((reach) =>
      elementwiseCase(`activate ${activation} to ${reach}`, 70, reach, (x, out) => ({
        op: 'activate',
        activation,
        x,
        out,
      })),
    ),
    elementwiseCase(`gated ${activation}`, 129, 1, (gate, out, up) => ({
      op: 'gated',
      activation,
      gate: whole(gate),
      up: whole(up),
      out,
    })),
    gatedColumnsCase(activation),
  ]),
  elementwiseCase('add', 70, 1, (x, out, y) => ({ op: 'add', x, scale: 1, y, out })),
  elementwiseCase('add scaled', 129, 1, (x, out, y) => ({ op: 'add', x, scale: -0.3, y, out })),
  elementwiseCase('multiply', 70, 1, (x, out, y) => ({ op: 'multiply', x, y, out })),
  ...[
    [true, true],
    [true, false],
    [false, true],
    [false, false],
  ].map(([weight, bias]) =>
    elementwiseCase(`scale-columns${weight ? ' +weight' : ''}${bias ? ' +bias' : ''}`, 70, 1, (x, out) => ({
      op: 'scale-columns',
      x,
      weight: weight ? { weight: 'w' } : undefined,
      bias: bias ? { weight: 'b' } : undefined,
      out,
    })),
  ),
  elementwiseCase('softcap', 70, 60, (x, out) => ({ op: 'softcap', x, cap: 30, out })),
  elementwiseCase('softcap beyond exp', 70, 900, (x, out) => ({ op: 'softcap', x, cap: 0.5, out })),
  elementwiseCase('l2-norm in groups of 10', 70, 1, (x, out) => ({
    op: 'l2-norm',
    x,
    group: 10,
    eps: 1e-12,
    out,
  })),
  elementwiseCase('l2-norm in groups of 65', 130, 1, (x, out) => ({
    op: 'l2-norm',
    x,
    group: 65,
    eps: 1e-12,
    out,
  })),
  elementwiseCase('l2-norm below eps', 70, 1, (x, out) => ({ op: 'l2-norm', x, group: 7, eps: 100, out })),
  elementwiseCase('scale-by-position', 70, 1, (x, out) => ({
    op: 'scale-by-position',
    x,
    table: { weight: 'positions' },
    out,
  })),
  joinCase(3, 16, 8),
  joinCase(5, 7, 10),
]

/** Values of `x` are between -reach and reach. */
function elementwiseCase(
  name: string,
  cols: number,
  reach: number,
  make: (x: Value, out: Value, y: Value) => Elementwise,
): OpCase {
  const g = new GraphBuilder()
  const x = input(g, 'x', cols, reach)
  const y = input(g, 'y', cols)
  const out = g.value('tokens', cols, 'result')
  const operation = make(x, out, y)
  g.push(operation)
  return opCase(name, operation.op, g, out, {
    weights: {
      x: { type: 'f32', rows: inputRows, cols },
      y: { type: 'f32', rows: inputRows, cols },
      w: { type: 'f16', rows: 1, cols },
      b: { type: 'f32', rows: 1, cols },
      positions: { type: 'f32', rows: 128, cols: 1 },
    },
    steps: manySteps,
  })
}

// Of one value, the second half first.
function gatedColumnsCase(activation: Activation): OpCase {
  const g = new GraphBuilder()
  const value = input(g, 'x', 2 * 77)
  const out = g.value('tokens', 77, 'result')
  g.push({ op: 'gated', activation, gate: { value, from: 77 }, up: { value, from: 0 }, out })
  return opCase(`gated ${activation} of columns`, 'gated', g, out, {
    weights: { x: { type: 'f32', rows: inputRows, cols: 2 * 77 } },
    steps: manySteps,
  })
}

function joinCase(heads: number, own: number, common: number): OpCase {
  const g = new GraphBuilder()
  const x = input(g, 'x', heads * own)
  const shared = input(g, 'shared', common)
  const out = g.value('tokens', heads * (own + common), 'joined')
  g.push({ op: 'join-heads', x, shared, heads, out })
  return opCase(`join-heads ${heads} of ${own} and ${common}`, 'join-heads', g, out, {
    weights: {
      x: { type: 'f32', rows: inputRows, cols: heads * own },
      shared: { type: 'f32', rows: inputRows, cols: common },
    },
    steps: manySteps,
    tolerance: 0,
  })
}
