// The cpu backend with a model quantized while it is loaded.
import { checkQuantized } from './check-quantized'

checkQuantized({ choice: 'cpu', bound: 1e-5 })
