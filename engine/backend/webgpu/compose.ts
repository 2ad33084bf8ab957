// Puts a shader together: extensions, the type's file, the kernel's, what becomes of sums. Concatenation only, no preprocessor.
import type { TensorType } from '../../format/ggml-types'
import { quants } from '../quants/table'
import { interfaces, storeText, type Kernel, type Shape } from './kernels/table'

/** What one text of a kernel is for. */
export interface Variant {
  readonly kernel: Kernel
  /** The weight's type, ignored by operations without one. */
  readonly type: TensorType
  /** Of a gate, ignored by operations that have none or kernels of their own for each. */
  readonly activation: Shape['activation']
}

/** The WGSL text of a kernel. */
export function compose({ kernel, type, activation }: Variant): string {
  const { quant, gates } = interfaces[kernel.op]
  const enables = kernel.enable.map((extension) => `enable ${extension};\n`).join('')
  const { wgsl, integers = '' } = quants[type]
  const reads = quant ? wgsl + (kernel.rounds ? integers : '') : ''
  return enables + reads + kernel.wgsl + (gates ? storeText(activation) : '')
}

/** The name of a kernel with what it was composed for: the key of caches and the label in errors. */
export function variantName({ kernel, type, activation }: Variant): string {
  const { quant, gates } = interfaces[kernel.op]
  const gate = gates && activation !== '' ? ` ${activation}` : ''
  return (quant ? `${kernel.name} ${type}` : kernel.name) + gate
}
