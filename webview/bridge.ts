// The wire to the extension host, typed at both ends, and the state that survives a reload.
import type { FromView, ToView } from '../engine/protocol/webview'

/** What only the page knows; the conversation comes from the host. */
export interface SavedState {
  draft: string
}

interface VsCodeApi {
  postMessage(message: FromView): void
  getState(): SavedState | undefined
  setState(state: SavedState): void
}
declare function acquireVsCodeApi(): VsCodeApi

export interface Bridge {
  post(message: FromView): void
  /** @param handler called for every message of the host, for the life of the page */
  listen(handler: (message: ToView) => void): void
  load(): SavedState | undefined
  save(state: SavedState): void
}

/** May be called once: VS Code hands out its API a single time per page. */
export function connect(): Bridge {
  const api = acquireVsCodeApi()
  return {
    post: (message) => api.postMessage(message),
    listen: (handler) =>
      window.addEventListener('message', (event: MessageEvent<ToView>) => handler(event.data)),
    load: () => api.getState(),
    save: (state) => api.setState(state),
  }
}
