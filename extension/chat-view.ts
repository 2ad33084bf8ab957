// The chat view in the side bar: its page, its life, and the messages in and out.
import { randomBytes } from 'node:crypto'
import * as vscode from 'vscode'
import type { ToView } from '../engine/protocol/webview'
import { chatHtml } from './chat-html'

export const chatViewId = 'hearth.chat'

/** The page comes and goes with the side bar; the conversation does not live here. */
export class ChatView implements vscode.WebviewViewProvider {
  #view: vscode.WebviewView | undefined
  #ready = false
  #focusWhenReady = false

  constructor(
    private readonly extensionUri: vscode.Uri,
    private readonly onMessage: (raw: unknown) => void,
  ) {}

  resolveWebviewView(view: vscode.WebviewView): void {
    const dist = vscode.Uri.joinPath(this.extensionUri, 'dist')
    const { webview } = view
    this.#view = view
    this.#ready = false
    view.onDidDispose(() => {
      if (this.#view === view) this.#view = undefined
    })
    // Listening comes before the page, else its first word could be missed.
    webview.onDidReceiveMessage((raw: unknown) => this.#receive(raw))
    webview.options = {
      enableScripts: true,
      localResourceRoots: [dist, vscode.Uri.joinPath(this.extensionUri, 'media')],
    }
    webview.html = chatHtml({
      nonce: randomBytes(16).toString('hex'),
      styleNonce: randomBytes(16).toString('hex'),
      cspSource: webview.cspSource,
      scriptUri: webview.asWebviewUri(vscode.Uri.joinPath(dist, 'webview.js')).toString(),
      styleUri: webview.asWebviewUri(vscode.Uri.joinPath(dist, 'webview.css')).toString(),
    })
  }

  post(message: ToView): void {
    // False means that the page is gone, which is fine: the next one asks for the conversation.
    void this.#view?.webview.postMessage(message)
  }

  /** Opens the side bar and puts the cursor into the question box. */
  async reveal(): Promise<void> {
    this.#focusWhenReady = true
    await vscode.commands.executeCommand(`${chatViewId}.focus`)
    this.#focusIfReady()
  }

  #receive(raw: unknown): void {
    this.onMessage(raw)
    if (typeof raw === 'object' && raw !== null && 'type' in raw && raw.type === 'ready') {
      this.#ready = true
      this.#focusIfReady()
    }
  }

  #focusIfReady(): void {
    if (!this.#ready || !this.#focusWhenReady) return
    this.#focusWhenReady = false
    this.post({ type: 'focus' })
  }
}
