// The command line on the real model and the processor.
import { checkCli } from './check-cli'

describe('command line, real model, cpu', function () {
  this.timeout(300_000)
  checkCli('cpu')
})
