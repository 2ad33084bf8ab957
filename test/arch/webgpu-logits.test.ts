// The kernels compute what transformers computes, on the driver that HEARTH_TEST_ADAPTER names.
import { checkLogits } from './check-logits'

// Measured 3e-6 at most on two software drivers; real GPUs may reorder sums and round divisions more loosely.
checkLogits({ choice: 'webgpu', adapter: process.env['HEARTH_TEST_ADAPTER'] ?? '', bound: 1e-4 })
