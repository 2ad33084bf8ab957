// Our own LSP messages; ghost text itself is the standard `textDocument/inlineCompletion`.
import {
  NotificationType,
  NotificationType0,
  ProgressType,
  RequestType,
  RequestType0,
} from 'vscode-languageserver-protocol'
import type { ChatMessage, FinishReason, Usage } from './chat'

/** Checked in `initialize`: extension and engine come from one package, but a stale process may linger. */
export const protocolVersion = 1

/** `InitializeParams.initializationOptions`. `settings` is parsed by `parseSettings`. */
export interface InitializationOptions {
  protocolVersion: number
  settings: unknown
  /** Whether the user trusts the workspace; when left out, as in editors that do not ask, yes. */
  trusted?: boolean
}

/** Ask for an answer. Text arrives as partial results (`delta`); the response tells why it ended. */
export namespace ChatRequest {
  export interface Params {
    messages: ChatMessage[]
    /** Token for `delta` progress. Without it the whole text is in the result alone. */
    partialResultToken?: string | number
  }
  export interface Delta {
    text: string
  }
  export interface Result {
    text: string
    finishReason: FinishReason
    usage: Usage
    /** Turns left out because the conversation did not fit the model's window. */
    droppedMessages: number
  }
  export const type = new RequestType<Params, Result, void>('hearth/chat')
  export const delta = new ProgressType<Delta>()
}

/** Explain code: the engine owns the prompt, so every editor asks alike. Streams like `hearth/chat`. */
export namespace ExplainRequest {
  export interface Params {
    code: string
    languageId: string
    /** Shown to the model as the name of the file; never opened. */
    path: string
    partialResultToken?: string | number
  }
  export const type = new RequestType<Params, ChatRequest.Result, void>('hearth/explain')
}

export type EngineState = 'starting' | 'downloading' | 'loading' | 'ready' | 'busy' | 'error'

/** Sent on every change; the status bar is a picture of it. */
export interface EngineStatus {
  state: EngineState
  /** Catalog id or file path of the model in use or being loaded. */
  model: string
  /** Such as "webgpu: llvmpipe (software)" or "cpu"; empty before the device is open. */
  device: string
  /** Why this device: "hearth.device is auto; no WebGPU adapter was found". */
  deviceReason: string
  /** Decode speed of the last answer; 0 before the first. */
  tokensPerSecond: number
  /** 0 to 1 while downloading or loading. */
  progress?: number
  /** One line for people: what is going on, or the error with its next step. */
  message: string
}

export namespace StatusNotification {
  export const type = new NotificationType<EngineStatus>('hearth/status')
}
export namespace StatusRequest {
  export const type = new RequestType0<EngineStatus, void>('hearth/getStatus')
}

export interface ModelInfo {
  id: string
  title: string
  /** Bytes on disk or to download. */
  bytes: number
  installed: boolean
  license: string
  description: string
}

/** The catalog, with what is already on this machine. */
export namespace ModelsRequest {
  export const type = new RequestType0<ModelInfo[], void>('hearth/models')
}

/** Load a model, downloading it first when needed. Progress is work-done progress; resolves with the new status. */
export namespace LoadModelRequest {
  export interface Params {
    model: string
    workDoneToken?: string | number
  }
  export const type = new RequestType<Params, EngineStatus, void>('hearth/loadModel')
}

/** The user took a suggestion whole. */
export namespace DidAcceptNotification {
  export interface Params {
    uri: string
    text: string
  }
  export const type = new NotificationType<Params>('hearth/didAccept')
}

/**
 * Who answered a request for ghost text: a gate, the rest of a suggestion while it is typed, a suggestion made here before, a request
 * that the model was working on, the model anew, the model before anybody asked, or, while there is no model, a copy of what followed the same words elsewhere.
 */
export type AnsweredBy = 'gate' | 'typing' | 'cache' | 'running' | 'model' | 'ahead' | 'copy'

/** A part of a prompt, in words for people. */
export interface PromptPart {
  name: string
  text: string
}

/** The last prompts with their timings, newest first, for "Show Log" and for debugging. In memory only. */
export namespace RequestLogRequest {
  export interface Entry {
    at: string
    kind: 'completion' | 'chat'
    prompt: string
    text: string
    outcome: string
    /** Of completions only. */
    answeredBy?: AnsweredBy
    /** Absent when the model was not asked. What it read is `promptTokens - reusedTokens`. */
    usage?: Usage
    /** Milliseconds from giving a request to the model up to its end. */
    givenUpMs?: number
    /** Of completions: where the cursor was, counted from 0 as positions of LSP are. */
    place?: { uri: string; line: number; character: number }
    /** Of completions: what was left to show at that place. Empty when `outcome` says why not. */
    shown?: string
    /** Of completions that the model was asked for: what it was given, in this order. */
    parts?: PromptPart[]
    /** Of completions: milliseconds from the request of the editor up to its end. */
    ms?: number
  }
  export const type = new RequestType0<Entry[], void>('hearth/requestLog')
}

/**
 * The cursor rests somewhere, and nobody types: the engine may read what stands there, and prepare a suggestion. An editor sends it once
 * the cursor has rested for half a second or so.
 */
export namespace DidRestNotification {
  export interface Params {
    uri: string
    position: { line: number; character: number }
  }
  export const type = new NotificationType<Params>('hearth/didRest')
}

/**
 * The last requests for ghost text as a page of Markdown, newest first: what was shown, or what kept it back and why. It holds the
 * user's code and the model's text, both inside fences; an editor shows it as text, and keeps it nowhere.
 */
export namespace WhyPageRequest {
  export const type = new RequestType0<string, void>('hearth/why')
}

/** The model was asked for a suggestion: sent when it has ended, for an editor that counts. */
export namespace DidReadNotification {
  export interface Params {
    promptTokens: number
    /** Those of them that it did not have to read again. */
    reusedTokens: number
  }
  export const type = new NotificationType<Params>('hearth/didRead')
}

/** The editor had a reason of its own not to ask for ghost text. For the request log only. */
export namespace DidNotAskNotification {
  export interface Params {
    uri: string
    position: { line: number; character: number }
    /** In words, as part of a sentence: "text is selected". */
    reason: string
  }
  export const type = new NotificationType<Params>('hearth/didNotAsk')
}

/**
 * Where names near the cursor of a document are declared, as the editor's own language support says. A suggestion may be shown what
 * stands there. The engine decides which of these files may be read, and reads them itself.
 */
export namespace DeclarationsNotification {
  export interface Params {
    uri: string
    declarations: {
      name: string
      uri: string
      /** Counted from 0. */
      line: number
    }[]
  }
  export const type = new NotificationType<Params>('hearth/declarations')
}

/** The user has begun to trust the workspace. */
export namespace DidGrantTrustNotification {
  export const type = new NotificationType0('hearth/didGrantTrust')
}

/** Forget the conversation, so that nothing of it is left in the engine's state; the memory is kept for the next one. */
export namespace ResetChatNotification {
  export const type = new NotificationType0('hearth/resetChat')
}
