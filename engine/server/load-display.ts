// A load as work-done progress: in the client's own progress when it brought a token, in one of ours otherwise.
import type {
  Connection,
  WorkDoneProgressReporter,
  WorkDoneProgressServerReporter,
} from 'vscode-languageserver/node'
import type { Log } from '../base/log'
import type { LoadDisplay } from './model-host'

/** Progress the client started: it is cancelled by cancelling the request, so the signal never aborts. */
export function displayIn(reporter: WorkDoneProgressReporter, title: string): LoadDisplay {
  reporter.begin(title, 0, undefined, true)
  return { ...toReports(reporter), signal: new AbortController().signal, done: () => reporter.done() }
}

/** Progress the server asks the client to show. The load does not wait for the client's answer; it may never come. */
export function displayOwn(connection: Connection, title: string, log: Log): LoadDisplay {
  const controller = new AbortController()
  let reporter: WorkDoneProgressServerReporter | undefined
  let ended = false
  let last: [number | undefined, string] | undefined
  connection.window
    .createWorkDoneProgress()
    .then((created) => {
      created.token.onCancellationRequested(() => controller.abort())
      created.begin(title, 0, undefined, true)
      reporter = created
      if (last) toReports(created).report(...last)
      if (ended) created.done()
    })
    .catch((error: unknown) => log.debug(`The client shows no progress: ${String(error)}`))
  return {
    signal: controller.signal,
    report(fraction, text) {
      last = [fraction, text]
      if (reporter) toReports(reporter).report(fraction, text)
    },
    done() {
      ended = true
      reporter?.done()
    },
  }
}

function toReports(reporter: WorkDoneProgressReporter): Pick<LoadDisplay, 'report'> {
  return {
    report(fraction, text) {
      if (fraction === undefined) reporter.report(text)
      else reporter.report(fraction * 100, text)
    },
  }
}
