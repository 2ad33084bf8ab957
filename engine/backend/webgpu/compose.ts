// Puts a shader together: extensions, then the type's file, then the kernel's. Concatenation only, no preprocessor.
import type { TensorType } from '../../format/ggml-types'
import { quants } from '../quants/table'
import { interfaces, type Kernel } from './kernels/table'

/** The WGSL text of a kernel; `type` is the weight's type, ignored by operations without one. */
export function compose(kernel: Kernel, type: TensorType): string {
  const enables = kernel.enable.map((extension) => `enable ${extension};\n`).join('')
  const { wgsl, integers = '' } = quants[type]
  const reads = interfaces[kernel.op].quant ? wgsl + (kernel.rounds ? integers : '') : ''
  return enables + reads + kernel.wgsl
}

/** The name of a kernel with the type it was composed for: the key of caches and the label in errors. */
export function variantName(kernel: Kernel, type: TensorType): string {
  return interfaces[kernel.op].quant ? `${kernel.name} ${type}` : kernel.name
}
