// What the chat view and the extension host say to each other. The view is a sandbox showing hostile text:
// the host parses every FromView value, and the view trusts only ToView.
import * as v from 'valibot'
import type { EngineStatus } from './messages'
import type { FinishReason, Usage } from './chat'

const id = v.pipe(v.string(), v.maxLength(64))

/** Everything the view may ask for. Anything else is dropped and logged. */
export const fromViewSchema = v.variant('type', [
  v.object({ type: v.literal('ready') }),
  v.object({ type: v.literal('send'), text: v.string() }),
  v.object({ type: v.literal('stop') }),
  v.object({ type: v.literal('clear') }),
  v.object({ type: v.literal('copy'), text: v.string() }),
  v.object({ type: v.literal('insert'), text: v.string() }),
  v.object({ type: v.literal('open-link'), href: v.string() }),
  v.object({ type: v.literal('retry'), id }),
  v.object({ type: v.literal('run'), command: v.picklist(['restart-engine', 'show-log', 'select-model']) }),
])
export type FromView = v.InferOutput<typeof fromViewSchema>

/** One turn as the view shows it. */
export interface ViewMessage {
  id: string
  role: 'user' | 'assistant'
  text: string
  state: 'streaming' | 'done' | 'error'
  finishReason?: FinishReason
  usage?: Usage
  /** Turns the engine left out because the conversation did not fit the model's window. */
  droppedMessages?: number
  /** For `error`: what happened and the next step. */
  error?: string
}

export type ToView =
  | { type: 'conversation'; messages: ViewMessage[] }
  | { type: 'add'; message: ViewMessage }
  | { type: 'delta'; id: string; text: string }
  | { type: 'done'; id: string; finishReason: FinishReason; usage: Usage; droppedMessages: number }
  | { type: 'error'; id: string; error: string }
  | { type: 'status'; status: EngineStatus }
  | { type: 'focus' }
