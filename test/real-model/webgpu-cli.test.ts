// The command line on the real model and a WebGPU device.
import { checkCli } from './check-cli'

describe('command line, real model, webgpu', function () {
  this.timeout(300_000)
  checkCli('webgpu')
})
