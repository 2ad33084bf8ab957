// The view as data: a pure reducer over the host's messages, and what follows from the state.
import type { EngineStatus } from '../engine/protocol/messages'
import type { ToView, ViewMessage } from '../engine/protocol/webview'

export interface ViewState {
  messages: readonly ViewMessage[]
  status: EngineStatus | undefined
}

export const emptyState: ViewState = { messages: [], status: undefined }

/** The next state. Messages that did not change keep their identity, so that drawing can skip them. */
export function reduce(state: ViewState, message: ToView): ViewState {
  switch (message.type) {
    case 'conversation':
      return { ...state, messages: message.messages }
    case 'add':
      return { ...state, messages: [...state.messages, message.message] }
    case 'delta':
      return update(state, message.id, (turn) => ({ ...turn, text: turn.text + message.text }))
    case 'done': {
      const { finishReason, usage, droppedMessages } = message
      return update(state, message.id, (turn) => ({
        ...turn,
        state: 'done',
        finishReason,
        usage,
        droppedMessages,
      }))
    }
    case 'error':
      return update(state, message.id, (turn) => ({ ...turn, state: 'error', error: message.error }))
    case 'status':
      return { ...state, status: message.status }
    case 'focus':
      return state
  }
}

export function isStreaming(state: ViewState): boolean {
  return state.messages.some((message) => message.state === 'streaming')
}

export interface Banner {
  kind: 'progress' | 'error'
  text: string
  /** 0 to 1, when known. */
  progress: number | undefined
}

/** What stands above the conversation while the engine cannot answer yet. */
export function banner({ status }: ViewState): Banner | undefined {
  switch (status?.state) {
    case 'starting':
    case 'downloading':
    case 'loading':
      return {
        kind: 'progress',
        text: status.message || `The engine is ${status.state}.`,
        progress: status.progress,
      }
    case 'error':
      return { kind: 'error', text: status.message || 'The engine has a problem.', progress: undefined }
    case 'ready':
    case 'busy':
    case undefined:
      return undefined
  }
}

/** The small print under an answer: why it ended when that is not obvious, and what it cost. */
export function footnote(message: ViewMessage): string {
  const { finishReason, usage, droppedMessages = 0 } = message
  const reason =
    finishReason === undefined
      ? ''
      : {
          stop: '',
          length: 'Ended at the token limit (setting "hearth.chat.maxTokens").',
          'context-full': 'Ended because the conversation is full. Clear it to go on.',
          cancelled: 'Stopped.',
        }[finishReason]
  const dropped =
    droppedMessages === 0
      ? ''
      : `${droppedMessages === 1 ? '1 earlier message' : `${droppedMessages} earlier messages`} did not fit and ${droppedMessages === 1 ? 'was' : 'were'} left out.`
  const speed =
    usage === undefined || usage.decodeMs <= 0 || usage.completionTokens === 0
      ? ''
      : `${usage.completionTokens} tokens, ${((usage.completionTokens * 1000) / usage.decodeMs).toFixed(1)} per second.`
  return [reason, dropped, speed].filter((part) => part !== '').join(' ')
}

/** Where the answers come from, such as "smollm2-135m-instruct · cpu". */
export function engineLine({ status }: ViewState): string {
  if (status === undefined) return ''
  const model = status.model.split(/[\\/]/).at(-1) ?? ''
  return [model, status.device].filter((part) => part !== '').join(' · ')
}

function update(state: ViewState, id: string, change: (message: ViewMessage) => ViewMessage): ViewState {
  return {
    ...state,
    messages: state.messages.map((message) => (message.id === id ? change(message) : message)),
  }
}
