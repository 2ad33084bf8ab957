// The kernels with a model quantized while it is loaded, on whatever adapter there is.
import { checkQuantized } from './check-quantized'

checkQuantized({ choice: 'webgpu', bound: 1e-4 })
