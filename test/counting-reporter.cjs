// Mocha reporter of test/run.mjs: prints failures only, and leaves the counts in the file that HEARTH_TEST_COUNTS names.
const { writeFileSync } = require('node:fs')
const { reporters, Runner } = require('mocha')

const { EVENT_RUN_END, EVENT_TEST_FAIL, EVENT_TEST_PASS } = Runner.constants

module.exports = class CountingReporter extends reporters.Base {
  constructor(runner, options) {
    super(runner, options)
    // A run that hangs or dies should still tell how far it came.
    const save = () => writeFileSync(process.env.HEARTH_TEST_COUNTS, JSON.stringify(this.stats))
    if (process.env.HEARTH_TEST_VERBOSE) {
      runner.on(EVENT_TEST_PASS, (test) => console.error(`  ok (${test.duration} ms) ${test.fullTitle()}`))
      runner.on(EVENT_TEST_FAIL, (test) => console.error(`  FAILED ${test.fullTitle()}`))
    }
    runner.on(EVENT_TEST_PASS, save)
    runner.on(EVENT_TEST_FAIL, save)
    runner.once(EVENT_RUN_END, () => {
      save()
      if (this.failures.length > 0) reporters.Base.list(this.failures)
    })
  }
}
