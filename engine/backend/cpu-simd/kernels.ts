// Every WebAssembly kernel, one row each, and the module that holds them.
import { keyProducts, valueSums } from './attention-kernels'
import { activationKernel } from './activations'
import { assemble, type WasmFunction } from './assembler'
import { manyTokens, oneToken, tileTokens } from './block-kernels'
import { layouts, type LayoutName } from './block-layout'
import { floatKernel, floatTileTokens, floatTypes, type FloatType } from './float-kernels'

/** Arguments are addresses, strides in bytes and counts; see the kernel. */
type Kernel = (...numbers: number[]) => void

export interface Kernels {
  readonly activations: { readonly one: Kernel; readonly tile: Kernel }
  readonly blocks: Readonly<Record<LayoutName, { readonly one: Kernel; readonly many: Kernel }>>
  readonly floats: Readonly<Record<FloatType, { readonly one: Kernel; readonly tile: Kernel }>>
  readonly keyProducts: Kernel
  /** Of 4 columns at a time, and of 16. */
  readonly valueSums: { readonly narrow: Kernel; readonly wide: Kernel }
}

/** Compiles the module. Throws where WebAssembly has no SIMD or no shared memory. */
export function compileKernels(): WebAssembly.Module {
  return new WebAssembly.Module(assemble(functions()))
}

/** The kernels over one memory. */
export function bindKernels(module: WebAssembly.Module, memory: WebAssembly.Memory): Kernels {
  const { exports } = new WebAssembly.Instance(module, { memory: { memory } })
  const kernel = (name: string): Kernel => exports[name] as Kernel
  const both = <A extends string, B extends string>(name: string, a: A, b: B): Record<A | B, Kernel> =>
    ({ [a]: kernel(`${name}.${a}`), [b]: kernel(`${name}.${b}`) }) as Record<A | B, Kernel>
  const rows = <Name extends string, Row>(names: object, row: (name: string) => Row): Record<Name, Row> =>
    Object.fromEntries(Object.keys(names).map((name) => [name, row(name)])) as Record<Name, Row>
  return {
    activations: both('activations', 'one', 'tile'),
    blocks: rows(layouts, (name) => both(name, 'one', 'many')),
    floats: rows(floatTypes, (name) => both(name, 'one', 'tile')),
    keyProducts: kernel('keyProducts'),
    valueSums: both('valueSums', 'narrow', 'wide'),
  }
}

function functions(): WasmFunction[] {
  return [
    activationKernel('activations.one', 1),
    activationKernel('activations.tile', tileTokens),
    ...Object.entries(layouts).flatMap(([name, layout]) => [
      oneToken(`${name}.one`, layout),
      manyTokens(`${name}.many`, layout),
    ]),
    ...(Object.keys(floatTypes) as FloatType[]).flatMap((type) => [
      floatKernel(`${type}.one`, type, 1),
      floatKernel(`${type}.tile`, type, floatTileTokens),
    ]),
    keyProducts('keyProducts'),
    valueSums('valueSums.narrow', 1),
    valueSums('valueSums.wide', 4),
  ]
}
