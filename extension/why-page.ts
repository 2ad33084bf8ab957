// The page "Why No Suggestion?": what the engine writes, shown as text, so that nothing in it can be more than text.
import * as vscode from 'vscode'
import { describeError } from '../engine/protocol/errors'
import { WhyPageRequest } from '../engine/protocol/messages'
import type { Engine } from './client'
import { fromWire } from './wire-error'

const scheme = 'hearth-why'
const address = vscode.Uri.from({ scheme, path: '/Why No Suggestion.md' })

export class WhyPage implements vscode.Disposable {
  readonly #changed = new vscode.EventEmitter<vscode.Uri>()
  readonly #registration = vscode.workspace.registerTextDocumentContentProvider(scheme, {
    onDidChange: this.#changed.event,
    provideTextDocumentContent: () => this.#read(),
  })

  constructor(private readonly engine: Engine) {}

  /** Opens the page, or brings it to the front; what it says is of now. */
  async show(): Promise<void> {
    this.refresh()
    const document = await vscode.workspace.openTextDocument(address)
    await vscode.window.showTextDocument(document, { preview: true })
  }

  refresh(): void {
    this.#changed.fire(address)
  }

  dispose(): void {
    this.#registration.dispose()
    this.#changed.dispose()
  }

  // An engine that does not run is the answer to the page's question.
  async #read(): Promise<string> {
    try {
      const client = await this.engine.client()
      return await client.sendRequest(WhyPageRequest.type)
    } catch (error) {
      return `# Why no suggestion?\n\nThe engine does not answer. ${describeError(fromWire(error))}\n`
    }
  }
}
