// Pages that are read-only documents: what they say is shown as text, so that nothing in it can be more than text.
import * as vscode from 'vscode'

export interface TextPageParts {
  /** The scheme of its address, which the menus of package.json look at. */
  scheme: string
  /** What its tab says. */
  name: string
  /** Markdown, as it is now. */
  read: () => Promise<string>
}

export class TextPage implements vscode.Disposable {
  readonly #changed = new vscode.EventEmitter<vscode.Uri>()
  readonly #registration: vscode.Disposable
  readonly #address: vscode.Uri

  constructor({ scheme, name, read }: TextPageParts) {
    this.#address = vscode.Uri.from({ scheme, path: `/${name}.md` })
    this.#registration = vscode.workspace.registerTextDocumentContentProvider(scheme, {
      onDidChange: this.#changed.event,
      provideTextDocumentContent: () => read(),
    })
  }

  /** Opens the page, or brings it to the front; what it says is of now. */
  async show(): Promise<void> {
    this.refresh()
    const document = await vscode.workspace.openTextDocument(this.#address)
    await vscode.window.showTextDocument(document, { preview: true })
  }

  refresh(): void {
    this.#changed.fire(this.#address)
  }

  dispose(): void {
    this.#registration.dispose()
    this.#changed.dispose()
  }
}
