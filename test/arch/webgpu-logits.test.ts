// The kernels compute what transformers computes, on the driver that HEARTH_TEST_ADAPTER names.
import { checkLogits } from './check-logits'

checkLogits({ choice: 'webgpu', adapter: process.env['HEARTH_TEST_ADAPTER'] ?? '', bound: 5e-3 })
