// Typed reading of a model's metadata: what is missing or of the wrong kind becomes an error that names the key and the file.
import { EngineError } from '../protocol/errors'
import type { MetadataValue } from './checkpoint'

export type Metadata = ReadonlyMap<string, MetadataValue>

/** Metadata that remembers its file, so that an error far away from the parser can still name it. */
export class FileMetadata extends Map<string, MetadataValue> {
  constructor(readonly file: string) {
    super()
  }
}

/** Each getter throws EngineError `bad-file` when the key is missing or of another type; with `fallback` it may be missing. */
export function numberOf(metadata: Metadata, key: string, fallback?: number): number {
  return required(metadata, key, 'a number', optionalNumberOf(metadata, key) ?? fallback)
}

export function stringOf(metadata: Metadata, key: string, fallback?: string): string {
  return required(metadata, key, 'a text', optionalStringOf(metadata, key) ?? fallback)
}

export function booleanOf(metadata: Metadata, key: string, fallback?: boolean): boolean {
  return required(metadata, key, 'true or false', optionalBooleanOf(metadata, key) ?? fallback)
}

export function optionalNumberOf(metadata: Metadata, key: string): number | undefined {
  return typed(metadata, key, 'a number', (value) => (typeof value === 'number' ? value : undefined))
}

export function optionalStringOf(metadata: Metadata, key: string): string | undefined {
  return typed(metadata, key, 'a text', (value) => (typeof value === 'string' ? value : undefined))
}

export function optionalBooleanOf(metadata: Metadata, key: string): boolean | undefined {
  return typed(metadata, key, 'true or false', (value) => (typeof value === 'boolean' ? value : undefined))
}

/** A list of texts. */
export function stringsOf(metadata: Metadata, key: string): readonly string[] {
  return required(metadata, key, 'a list of texts', optionalStringsOf(metadata, key))
}

export function optionalStringsOf(metadata: Metadata, key: string): readonly string[] | undefined {
  return typed(metadata, key, 'a list of texts', (value) =>
    Array.isArray(value) && value.every(isString) ? value : undefined,
  )
}

/** A list of numbers of any width. */
export function numbersOf(metadata: Metadata, key: string): ArrayLike<number> {
  return required(metadata, key, 'a list of numbers', optionalNumbersOf(metadata, key))
}

export function optionalNumbersOf(metadata: Metadata, key: string): ArrayLike<number> | undefined {
  return typed(metadata, key, 'a list of numbers', (value) => {
    if (ArrayBuffer.isView(value)) return value
    return Array.isArray(value) && value.every(isNumber) ? value : undefined
  })
}

/** A number that some files give once and others once per layer. */
export function numberPerLayer(metadata: Metadata, key: string, layers: number, fallback?: number): number[] {
  const value = metadata.get(key)
  if (value === undefined || typeof value === 'number') {
    return new Array<number>(layers).fill(numberOf(metadata, key, fallback))
  }
  const list = Array.from(numbersOf(metadata, key))
  if (list.length !== layers) {
    throw badMetadata(
      metadata,
      `${key} has ${list.length} entries, one for each of the ${layers} layers is needed`,
    )
  }
  return list
}

/** EngineError `bad-file` about the metadata: `problem` continues "FILE: " and has no final dot. */
export function badMetadata(metadata: Metadata, problem: string): EngineError {
  return new EngineError('bad-file', `${fileOf(metadata)}: ${problem}.`, {
    hint: 'The file is damaged or was made by an old converter. Download it again: hearth models get <model>.',
  })
}

/** The name of the file that the metadata came from, for messages. */
export function fileOf(metadata: Metadata): string {
  return metadata instanceof FileMetadata ? metadata.file : 'The model file'
}

function required<T>(metadata: Metadata, key: string, kind: string, value: T | undefined): T {
  if (value === undefined) throw badMetadata(metadata, `${key} is missing; it must be ${kind}`)
  return value
}

function typed<T>(
  metadata: Metadata,
  key: string,
  kind: string,
  convert: (value: MetadataValue) => T | undefined,
): T | undefined {
  const value = metadata.get(key)
  if (value === undefined) return undefined
  const converted = convert(value)
  if (converted === undefined) throw badMetadata(metadata, `${key} must be ${kind}`)
  return converted
}

function isString(value: unknown): value is string {
  return typeof value === 'string'
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number'
}
