// activation(x), and activation(gate) * up, for the activations that are x times a sigmoid.
import type { Activation } from '../../graph/graph'
import {
  f32x4,
  FunctionBuilder,
  get,
  i32,
  increase,
  repeat,
  set,
  v128,
  type Code,
  type Dialect,
  type WasmFunction,
} from './assembler'
import { clampedExponential, exponentialLocals } from './exponential'

/** By activation: what the sigmoid is of, with the sign turned. */
const sigmoidOf = {
  silu: (x: Code) => f32x4.multiply(x, f32x4.splat(-1)),
  // (1 + tanh(u)) / 2 = sigmoid(2u), u = sqrt(2 / pi) * (x + 0.044715 x^3).
  'gelu-tanh': (x: Code) => {
    const factor = f32x4.add(f32x4.multiply(f32x4.multiply(x, x), f32x4.splat(0.044715)), f32x4.splat(1))
    return f32x4.multiply(f32x4.multiply(x, factor), f32x4.splat(-2 * Math.sqrt(2 / Math.PI)))
  },
} as const satisfies Partial<Record<Activation, (x: Code) => Code>>

export type SigmoidActivation = keyof typeof sigmoidOf

export const sigmoidActivations = Object.keys(sigmoidOf) as SigmoidActivation[]

export function isSigmoidActivation(activation: Activation): activation is SigmoidActivation {
  return activation in sigmoidOf
}

/** (x, out, quarters): out = activation(x), for 4 * `quarters` values, one quarter at least. */
export function activateKernel(name: string, activation: SigmoidActivation, dialect: Dialect): WasmFunction {
  return kernel(name, activation, false, dialect)
}

/** (gate, up, out, quarters): out = activation(gate) * up, likewise. */
export function gatedKernel(name: string, activation: SigmoidActivation, dialect: Dialect): WasmFunction {
  return kernel(name, activation, true, dialect)
}

function kernel(name: string, activation: SigmoidActivation, gated: boolean, dialect: Dialect): WasmFunction {
  const f = new FunctionBuilder(name)
  const gate = f.parameter()
  const up = gated ? f.parameter() : undefined
  const out = f.parameter()
  const quarters = f.parameter()
  const x = f.local('v128')
  const exp = exponentialLocals(f)
  const addresses = up ? [gate, up, out] : [gate, out]
  const activated = f32x4.divide(get(x), f32x4.add(f32x4.splat(1), get(exp.value)))

  return f.build(
    repeat(
      quarters,
      set(x, v128.load(get(gate))),
      set(exp.value, sigmoidOf[activation](get(x))),
      set(exp.value, clampedExponential(exp, dialect)),
      v128.store(get(out), up ? f32x4.multiply(activated, v128.load(get(up))) : activated),
      addresses.flatMap((address) => increase(address, i32.value(16))),
    ),
  )
}
