// Every WebAssembly kernel, one row each, and the module that holds them.
import { attentionName } from './attention'
import { attentionKernel, queryTiles } from './attention-kernels'
import { activationKernel } from './activations'
import { assemble, type Dialect, type WasmFunction } from './assembler'
import { fewTokens, manyTokens, tileTokens } from './block-kernels'
import { layouts } from './block-layout'
import { activateKernel, gatedKernel, sigmoidActivations } from './gated-kernels'
import { floatKernel, floatTileTokens, floatTypes, type FloatType } from './float-kernels'

/** Arguments are addresses, strides in bytes and counts; see the kernel. */
export type Kernel = (...numbers: number[]) => void

export interface Kernels {
  readonly activations: { readonly one: Kernel; readonly two: Kernel; readonly tile: Kernel }
}

/** Compiles the module. Throws where WebAssembly has no shared memory, or not these instructions. */
export function compileKernels(dialect: Dialect): WebAssembly.Module {
  return new WebAssembly.Module(assemble(functions(dialect)))
}

/** The module's exports over one memory. */
export function instantiate(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
): Readonly<Record<string, Kernel>> {
  return new WebAssembly.Instance(module, { memory: { memory } }).exports as Record<string, Kernel>
}

/** The same by what they do. */
export function bindKernels(exports: Readonly<Record<string, Kernel>>): Kernels {
  const kernel = (name: string): Kernel => exports[name]!
  return {
    activations: {
      one: kernel('activations.one'),
      two: kernel('activations.two'),
      tile: kernel('activations.tile'),
    },
  }
}

function functions(dialect: Dialect): WasmFunction[] {
  return [
    activationKernel('activations.one', 1),
    activationKernel('activations.two', 2),
    activationKernel('activations.tile', tileTokens),
    ...Object.entries(layouts).flatMap(([name, layout]) => [
      fewTokens(`${name}.one`, layout, 1),
      fewTokens(`${name}.two`, layout, 2),
      manyTokens(`${name}.many`, layout),
    ]),
    ...(Object.keys(floatTypes) as FloatType[]).flatMap((type) => [
      floatKernel(`${type}.one`, type, 1),
      floatKernel(`${type}.tile`, type, floatTileTokens),
    ]),
    ...sigmoidActivations.flatMap((activation) => [
      activateKernel(`activate.${activation}`, activation, dialect),
      gatedKernel(`gated.${activation}`, activation, dialect),
    ]),
    ...queryTiles.flatMap((tile) =>
      [false, true].map((softcap) => attentionKernel(attentionName(tile, softcap), tile, softcap, dialect)),
    ),
  ]
}
