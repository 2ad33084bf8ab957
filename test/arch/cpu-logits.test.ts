// The processor computes what transformers computes: exactly with plain loops, nearly with SIMD kernels.
import { checkLogits } from './check-logits'

// float32 against float64: measured 2e-6 at most.
checkLogits({ choice: 'cpu-reference', adapter: '', bound: 2e-5 })

// Activations of quantized matrices are rounded to 16 bits: measured 2e-4 at most, 1e-6 without.
checkLogits({ choice: 'cpu', adapter: '', bound: 5e-4 })
