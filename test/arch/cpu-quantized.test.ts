// The cpu backend with a model quantized while it is loaded.
import { checkQuantized } from './check-quantized'

checkQuantized({ choice: 'cpu-reference', bound: 1e-5 })

// Activations rounded to 16 bits.
checkQuantized({ choice: 'cpu', bound: 5e-4 })
