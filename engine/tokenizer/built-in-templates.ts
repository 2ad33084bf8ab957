// Chat templates for files that carry none: one row per form, found by the architecture and by the tokens a vocabulary really has.
// Forms as in the model cards and in the Python that came with the weights.
import { optionalStringOf, type Metadata } from '../format/metadata'
import type { Tokenizer } from './tokenizer'

export interface BuiltInTemplate {
  /** Names that converters write in place of a template. */
  readonly names: readonly string[]
  /** Values of `general.architecture`; any where absent. */
  readonly architectures?: readonly string[]
  /** Tokens that must all be there, and tokens that must not. */
  readonly tokens: readonly string[]
  readonly without?: readonly string[]
  /** Base models have the same vocabulary, so the file must say that it was trained to chat. */
  readonly onlyWhenTunedForChat?: boolean
  /** Jinja; `token_195` is the spelling of that token. */
  readonly template: string
  /** Tokens that begin another speaker's turn, besides those that end an answer everywhere. */
  readonly ends?: readonly string[]
  /** Texts that end an answer, of models that have no token for it. */
  readonly stops?: readonly string[]
}

/** The row of a model, or undefined for one that was not trained to chat. */
export function findBuiltInTemplate(metadata: Metadata, tokenizer: Tokenizer): BuiltInTemplate | undefined {
  const given = optionalStringOf(metadata, 'tokenizer.chat_template')
  const named = rows.find((row) => given !== undefined && row.names.includes(given))
  if (named !== undefined) return named
  const architecture = optionalStringOf(metadata, 'general.architecture') ?? ''
  const tuned = ['general.finetune', 'general.name'].some((key) =>
    /\b(?:chat|instruct|it)\b/i.test((optionalStringOf(metadata, key) ?? '').replaceAll('_', ' ')),
  )
  const has = (spelling: string): boolean => tokenizer.idOf(spelling) !== undefined
  return rows.find(
    (row) =>
      (row.architectures?.includes(architecture) ?? true) &&
      row.tokens.every(has) &&
      !(row.without ?? []).some(has) &&
      (tuned || row.onlyWhenTunedForChat !== true),
  )
}

/** The text of a loop over messages, one text per role, and what follows them. */
function turns(parts: {
  system?: string
  user: string
  assistant: string
  end: string
  start?: string
}): string {
  const system = parts.system ?? "{{ raise_exception('no system role') }}"
  return (
    `${parts.start ?? ''}{% for message in messages %}{% set text = message['content'] | trim %}` +
    `{% if message['role'] == 'system' %}${system}{% elif message['role'] == 'user' %}${parts.user}` +
    `{% else %}${parts.assistant}{% endif %}{% endfor %}{% if add_generation_prompt %}${parts.end}{% endif %}`
  )
}

const text = '{{ text }}'
const bos = '{{ bos_token }}'
const eos = '{{ eos_token }}'

/** Every role between the same pair of tokens. */
function sameForAll(before: string, after: string, end: string, start = ''): string {
  return (
    `${start}{% for message in messages %}{% set text = message['content'] | trim %}${before}${text}${after}{% endfor %}` +
    `{% if add_generation_prompt %}${end}{% endif %}`
  )
}

/** ChatML keeps space around messages, as the templates of its families do. */
const chatml =
  "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"

/** A round is a question and its answer. `first` is the number of the first. */
function rounds(first: number, question: string, answer: string): string {
  return (
    `{% set ns = namespace(round=${first}) %}{% for message in messages %}{% set text = message['content'] | trim %}` +
    `{% if message['role'] == 'user' %}${question}{% elif message['role'] == 'assistant' %}${answer}` +
    "{% set ns.round = ns.round + 1 %}{% else %}{{ raise_exception('no system role') }}{% endif %}{% endfor %}"
  )
}

/** A blank line ends a turn of RWKV World, so there is none inside a message: each replacement halves a run of line breaks. */
const worldText =
  "{% set text = message['content'] | trim | replace('\r\n', '\n')" +
  " | replace('\n\n', '\n')".repeat(12) +
  ' %}'

/** The first row that fits is taken, so narrower ones stand first. */
const rows: readonly BuiltInTemplate[] = [
  // Qwen 1 to 2.5, Yi chat, MiniCPM 3 and 4, SmolLM2.
  { names: ['chatml'], tokens: ['<|im_start|>', '<|im_end|>'], template: chatml },
  {
    names: ['llama3'],
    tokens: ['<|start_header_id|>', '<|end_header_id|>', '<|eot_id|>'],
    onlyWhenTunedForChat: true,
    template: sameForAll(
      "<|start_header_id|>{{ message['role'] }}<|end_header_id|>\n\n",
      '<|eot_id|>',
      "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}",
      bos,
    ),
  },
  {
    names: ['gemma'],
    tokens: ['<start_of_turn>', '<end_of_turn>'],
    onlyWhenTunedForChat: true,
    template: turns({
      start: bos,
      user: `<start_of_turn>user\n${text}{{ '<end_of_turn>\n' }}`,
      assistant: `<start_of_turn>model\n${text}{{ '<end_of_turn>\n' }}`,
      end: "{{ '<start_of_turn>model\n' }}",
    }),
  },
  // Granite 3.
  {
    names: ['granite', 'granite-3.x'],
    tokens: ['<|start_of_role|>', '<|end_of_role|>'],
    onlyWhenTunedForChat: true,
    template: sameForAll(
      "<|start_of_role|>{{ message['role'] }}<|end_of_role|>",
      "{{ '<|end_of_text|>\n' }}",
      '<|start_of_role|>assistant<|end_of_role|>',
    ),
  },
  {
    names: ['phi3'],
    tokens: ['<|user|>', '<|assistant|>', '<|end|>'],
    template: sameForAll(
      "<|{{ message['role'] }}|>{{ '\n' }}",
      "{{ '<|end|>\n' }}",
      "{{ '<|assistant|>\n' }}",
    ),
    ends: ['<|user|>'],
  },
  // GLM-4.
  {
    names: ['chatglm4'],
    tokens: ['[gMASK]', '<sop>', '<|user|>', '<|assistant|>'],
    template: sameForAll(
      "<|{{ message['role'] }}|>{{ '\n' }}",
      '',
      "{{ '<|assistant|>\n' }}",
      '[gMASK]<sop>',
    ),
    ends: ['<|user|>', '<|observation|>'],
  },
  {
    names: ['chatglm3'],
    tokens: ['[gMASK]', 'sop', '<|user|>', '<|assistant|>'],
    template: sameForAll("<|{{ message['role'] }}|>{{ '\n ' }}", '', '<|assistant|>', '[gMASK]sop'),
    ends: ['<|user|>', '<|observation|>'],
  },
  // ChatGLM 2.
  {
    names: ['chatglm2'],
    architectures: ['chatglm'],
    tokens: ['[gMASK]', 'sop'],
    template:
      '[gMASK]sop' +
      rounds(1, `[Round {{ ns.round }}]{{ '\n\n' }}问：${text}{{ '\n\n' }}答：`, `${text}{{ '\n\n' }}`),
  },
  // ChatGLM-6B: a single question stands alone, and the model's own tokens come last.
  {
    names: ['chatglm'],
    architectures: ['glm'],
    tokens: ['[gMASK]', '<sop>'],
    template:
      "{% if messages | length == 1 and messages[0]['role'] == 'user' %}{{ messages[0]['content'] | trim }}{% else %}" +
      rounds(0, `[Round {{ ns.round }}]{{ '\n' }}问：${text}{{ '\n' }}答：`, `${text}{{ '\n' }}`) +
      '{% endif %}[gMASK]<sop>',
  },
  // MiniCPM 1 and 2.
  {
    names: ['minicpm'],
    tokens: ['<用户>', '<AI>'],
    template: turns({ user: `<用户>${text}<AI>`, assistant: text, end: '' }),
  },
  {
    names: ['baichuan'],
    architectures: ['baichuan'],
    tokens: [],
    onlyWhenTunedForChat: true,
    template: turns({
      system: text,
      user: `{{ token_195 }}${text}`,
      assistant: `{{ token_196 }}${text}${eos}`,
      end: '{{ token_196 }}',
    }),
    ends: ['<reserved_106>', '<reserved_102>'],
  },
  // CodeLlama 70B.
  {
    names: ['codellama-70b'],
    tokens: ['<step>'],
    onlyWhenTunedForChat: true,
    template: sameForAll(
      "Source: {{ message['role'] + '\n\n ' }}",
      ' <step> ',
      "{{ 'Source: assistant\nDestination: user\n\n ' }}",
      bos,
    ),
    ends: ['<step>'],
  },
  // Mistral's models from version 3 on.
  {
    names: ['mistral-v3', 'mistral-v3-tekken'],
    tokens: ['[INST]', '[/INST]'],
    template: turns({ start: bos, user: `[INST] ${text}[/INST]`, assistant: ` ${text}${eos}`, end: '' }),
  },
  {
    names: ['deepseek'],
    tokens: ['<|EOT|>', '<｜fim▁hole｜>'],
    onlyWhenTunedForChat: true,
    template: turns({
      start: bos,
      system: text,
      user: `{{ '### Instruction:\n' }}${text}{{ '\n' }}`,
      assistant: `{{ '### Response:\n' }}${text}{{ '\n<|EOT|>\n' }}`,
      end: "{{ '### Response:\n' }}",
    }),
    stops: ['\n### Instruction:'],
  },
  // StarCoder 2 instruct and Granite code share the vocabulary of StarCoder, but not the names of repositories.
  {
    names: ['starcoder2'],
    architectures: ['starcoder2'],
    tokens: ['<fim_prefix>', '<|endoftext|>'],
    onlyWhenTunedForChat: true,
    template: turns({
      start: bos,
      system: `${text}{{ '\n\n' }}`,
      user: `{{ '### Instruction\n' }}${text}{{ '\n\n' }}`,
      assistant: `{{ '### Response\n' }}${text}${eos}`,
      end: "{{ '### Response\n' }}",
    }),
    stops: ['\n### Instruction'],
  },
  {
    names: ['granite-code'],
    architectures: ['llama', 'granite'],
    tokens: ['<fim_prefix>', '<|endoftext|>'],
    onlyWhenTunedForChat: true,
    template: turns({
      system: `{{ 'System:\n' }}${text}{{ '\n\n' }}`,
      user: `{{ 'Question:\n' }}${text}{{ '\n\n' }}`,
      assistant: `{{ 'Answer:\n' }}${text}{{ '\n\n' }}`,
      end: "{{ 'Answer:\n' }}",
    }),
    stops: ['\nQuestion:\n'],
  },
  {
    names: ['rwkv-world'],
    architectures: ['rwkv', 'rwkv4', 'rwkv5', 'rwkv6', 'rwkv7'],
    tokens: ['<s>', '\\n\\n'],
    template:
      "{% set names = {'system': 'System', 'user': 'User', 'assistant': 'Assistant'} %}" +
      `{% for message in messages %}${worldText}{{ names[message['role']] + ': ' + text + '\n\n' }}{% endfor %}` +
      // Nothing, not even a space, follows the last colon.
      '{% if add_generation_prompt %}Assistant:{% endif %}',
    // As text: 34 tokens have two line breaks in them.
    stops: ['\n\n'],
  },
  // Llama 2 and CodeLlama, whose vocabulary has nothing of its own for chat.
  {
    names: ['llama2', 'llama2-sys'],
    architectures: ['llama'],
    tokens: ['<s>', '</s>', '▁['],
    onlyWhenTunedForChat: true,
    template:
      "{% set ns = namespace(system='') %}{% for message in messages %}{% set text = message['content'] | trim %}" +
      "{% if message['role'] == 'system' %}{% set ns.system = '<<SYS>>\n' + text + '\n<</SYS>>\n\n' %}" +
      `{% elif message['role'] == 'user' %}${bos}[INST] {{ ns.system }}${text} [/INST]{% set ns.system = '' %}` +
      `{% else %} ${text} ${eos}{% endif %}{% endfor %}`,
  },
]
