// Typed reading of JSON files that belong to a model: what is missing or of the wrong kind becomes an error that names field and file.
import { EngineError } from '../protocol/errors'
import { openFile } from './byte-source'
import { isJsonObject, parseStrictJson } from './strict-json'

const limits = {
  // The largest tokenizer.json, of 262,144 tokens and their merges, has 34 MB; the text is held twice while it is parsed.
  bytes: 128_000_000,
  // tokenizer.json, the deepest of them, has 7 levels.
  depth: 32,
  // Each token is a key, each added token has seven more.
  keys: 4_000_000,
} as const

/** Reads a file that must hold one JSON object. Throws `model-missing`, `disk`, or `bad-file` when it is not one or too large. */
export async function readJsonFile(path: string, signal?: AbortSignal): Promise<JsonFields> {
  const source = await openFile(path)
  try {
    if (source.size > limits.bytes) {
      throw bad(path, `it has ${source.size} bytes, more than the possible ${limits.bytes}`)
    }
    const parsed = parseStrictJson(await source.read(0, source.size, signal), limits)
    if ('problem' in parsed) throw bad(path, parsed.problem)
    if (!isJsonObject(parsed.value)) throw bad(path, 'it is not a JSON object')
    return new JsonFields(path, parsed.value)
  } finally {
    await source.close()
  }
}

/**
 * An object inside a JSON file. A field that is null counts as missing, as in Python's configurations. Getters throw EngineError
 * `bad-file` for another type, those without `optional` also when the field is missing.
 */
export class JsonFields {
  constructor(
    /** Path of the file, for messages. */
    readonly file: string,
    readonly value: Readonly<Record<string, unknown>>,
    /** Where in the file this object is, with a final dot; empty at the top. */
    readonly place = '',
  ) {}

  optional(field: string): unknown {
    return Object.hasOwn(this.value, field) ? (this.value[field] ?? undefined) : undefined
  }

  optionalNumber(field: string): number | undefined {
    return this.#typed(field, 'a number', (value): value is number => typeof value === 'number')
  }

  optionalText(field: string): string | undefined {
    return this.#typed(field, 'a text', (value): value is string => typeof value === 'string')
  }

  optionalBoolean(field: string): boolean | undefined {
    return this.#typed(field, 'true or false', (value): value is boolean => typeof value === 'boolean')
  }

  optionalList(field: string): readonly unknown[] | undefined {
    return this.#typed(field, 'a list', (value): value is unknown[] => Array.isArray(value))
  }

  optionalFields(field: string): JsonFields | undefined {
    const value = this.#typed(field, 'an object', isJsonObject)
    return value && new JsonFields(this.file, value, `${this.place}${field}.`)
  }

  /** A list of objects. */
  optionalFieldsList(field: string): readonly JsonFields[] | undefined {
    return this.optionalList(field)?.map((value, i) => {
      if (!isJsonObject(value)) throw this.bad(`${this.place}${field}[${i}] must be an object`)
      return new JsonFields(this.file, value, `${this.place}${field}[${i}].`)
    })
  }

  number(field: string): number {
    return this.#required(field, this.optionalNumber(field))
  }

  text(field: string): string {
    return this.#required(field, this.optionalText(field))
  }

  list(field: string): readonly unknown[] {
    return this.#required(field, this.optionalList(field))
  }

  fields(field: string): JsonFields {
    return this.#required(field, this.optionalFields(field))
  }

  /** EngineError `bad-file`; `problem` continues "FILE: " and has no final dot. */
  bad(problem: string): EngineError {
    return bad(this.file, problem)
  }

  #typed<T>(field: string, kind: string, is: (value: unknown) => value is T): T | undefined {
    const value = this.optional(field)
    if (value === undefined) return undefined
    if (!is(value)) throw this.bad(`${this.place}${field} must be ${kind}`)
    return value
  }

  #required<T>(field: string, value: T | undefined): T {
    if (value === undefined) throw this.bad(`${this.place}${field} is missing`)
    return value
  }
}

function bad(file: string, problem: string): EngineError {
  return new EngineError('bad-file', `${file}: ${problem}.`, {
    hint: 'The file is damaged or incomplete. Download the whole folder of the model again.',
  })
}
