// Puts a shader together: extensions, the type's file, the kernel's, what is done to x and to sums. Concatenation only, no preprocessor.
import type { TensorType } from '../../format/ggml-types'
import { blockChunks, dotText, quants } from '../quants/table'
import {
  edgesText,
  interfaces,
  placeText,
  rowsBeside,
  type DeviceTraits,
  type Kernel,
  type Shape,
} from './kernels/table'

/** What one text of a kernel is for. */
export interface Variant {
  readonly kernel: Kernel
  /** The weight's type, ignored by operations without one. */
  readonly type: TensorType
  /** Of gates, ignored by operations that have none or kernels of their own for each. */
  readonly activation: Shape['activation']
}

/** The WGSL text of a kernel, for matrices as they lie on a device. */
export function compose(variant: Variant, device: DeviceTraits): string {
  const { kernel, type } = variant
  const { quant, edges } = interfaces[kernel.op]
  const enables = kernel.enable.map((extension) => `enable ${extension};\n`).join('')
  const { wgsl, integers = '' } = quants[type]
  const reads = quant
    ? placeText(rowsBeside(device, type), blockChunks(type)) + wgsl + (kernel.rounds ? integers : '')
    : ''
  const dots = kernel.dots ? dotText(type) : ''
  return enables + reads + dots + kernel.wgsl + (edges ? edgesText(variant.activation) : '')
}

/** The name of a kernel with what it was composed for: the key of caches and the label in errors. */
export function variantName({ kernel, type, activation }: Variant): string {
  const { quant, edges } = interfaces[kernel.op]
  const parts = [kernel.name, ...(quant ? [type] : []), ...(edges && activation !== '' ? [activation] : [])]
  return parts.join(' ')
}
