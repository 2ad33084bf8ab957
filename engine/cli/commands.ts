// Every command of `hearth`: its words, its options, and the file that runs it, loaded only then.
import type { OptionName, RawOptions } from './options'
import type { Terminal } from './terminal'

export interface CommandContext {
  terminal: Terminal
  /** Aborts on Ctrl+C. */
  signal: AbortSignal
}

/** `args` are the words after the command's name. Throws EngineError; what it resolves with is the exit code. */
export type Run = (context: CommandContext, args: readonly string[], raw: RawOptions) => Promise<number>

export interface Command {
  /** Name and arguments as cac takes them. */
  usage: string
  summary: string
  options: readonly OptionName[]
  example?: string
  load(): Promise<Run>
}

const modelOptions = [
  'model',
  'device',
  'backend',
  'context',
  'quantize',
  'kv',
  'draft',
] as const satisfies readonly OptionName[]

export const commands: readonly Command[] = [
  {
    usage: 'demo',
    summary: 'Show one ghost text and one chat answer; gets the default model first',
    options: modelOptions,
    load: async () => (await import('./demo')).demo,
  },
  {
    usage: 'complete <place>',
    summary: 'Ghost text at FILE:LINE:COL, shown in place',
    options: [...modelOptions, 'maxTokens', 'json'],
    example: 'complete src/app.ts:12:8',
    load: async () => (await import('./complete')).complete,
  },
  {
    usage: 'chat',
    summary: 'Talk to the model; /reset, /stats and /exit are commands',
    options: [...modelOptions, 'maxTokens', 'temperature', 'seed'],
    load: async () => (await import('./chat')).chat,
  },
  {
    usage: 'explain <code>',
    summary: 'Explain FILE or some of its lines, FILE:A-B',
    options: [...modelOptions, 'maxTokens', 'temperature', 'seed'],
    example: 'explain src/app.ts:10-40',
    load: async () => (await import('./explain')).explain,
  },
  {
    usage: 'generate',
    summary: 'Continue a text as it is, without a chat around it',
    options: [
      ...modelOptions,
      'prompt',
      'promptFile',
      'maxTokens',
      'temperature',
      'seed',
      'speculation',
      'json',
    ],
    example: 'generate --prompt-file prompt.txt --max-tokens 64 --json',
    load: async () => (await import('./generate')).generate,
  },
  {
    usage: 'logits',
    summary: 'What the model thinks of each possible next token',
    options: [...modelOptions, 'tokens', 'all', 'json'],
    example: 'logits --tokens 1,2,3 --backend cpu --json',
    load: async () => (await import('./logits')).logits,
  },
  {
    usage: 'perplexity <file>',
    summary: 'How well the model predicts a text: one number, lower is better',
    options: ['model', 'device', 'backend', 'quantize', 'kv', 'ctx', 'json'],
    example: 'perplexity --model model.gguf --ctx 512 text.txt',
    load: async () => (await import('./perplexity')).perplexity,
  },
  {
    usage: 'tokenize',
    summary: "A text in the model's tokens",
    options: ['model', 'textFile', 'json'],
    load: async () => (await import('./tokenize')).tokenize,
  },
  {
    usage: 'inspect <model>',
    summary: "A model's metadata, tensors and memory",
    options: ['context', 'quantize', 'kv', 'json'],
    load: async () => (await import('./inspect')).inspect,
  },
  {
    usage: 'models [action] [id]',
    summary: 'list, get ID, remove ID',
    options: ['json'],
    example: 'models get qwen2.5-coder-0.5b-instruct',
    load: async () => (await import('./models')).models,
  },
  {
    usage: 'bench',
    summary: 'Measure reading and writing speed',
    options: [
      ...modelOptions,
      'synthetic',
      'promptTokens',
      'promptFile',
      'answerFile',
      'gen',
      'repeat',
      'at',
      'profile',
      'vs',
      'json',
    ],
    example: 'bench --synthetic qwen2.5-0.5b:q4_0 --prompt 128,512 --gen 64 --vs llama.cpp',
    load: async () => (await import('./bench')).bench,
  },
  {
    usage: 'doctor',
    summary: 'What this machine offers, and what to install when that is nothing',
    options: ['json'],
    load: async () => (await import('./doctor')).doctor,
  },
  {
    usage: 'probe',
    summary: 'One JSON line: does WebGPU work in this runtime? For editors',
    options: [],
    load: async () => (await import('./probe')).probe,
  },
]
