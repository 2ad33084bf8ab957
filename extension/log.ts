// The output channel "Hearth" behind the Log interface.
import * as vscode from 'vscode'
import type { Log } from '../engine/base/log'

export interface LogChannel extends Log, vscode.Disposable {
  readonly channel: vscode.LogOutputChannel
}

/** One channel for the extension and the engine, so that a report needs one file. */
export function createLogChannel(): LogChannel {
  const channel = vscode.window.createOutputChannel('Hearth', { log: true })
  return {
    channel,
    error: (text) => channel.error(text),
    warn: (text) => channel.warn(text),
    info: (text) => channel.info(text),
    debug: (text) => channel.debug(text),
    trace: (text) => channel.trace(text),
    dispose: () => channel.dispose(),
  }
}
