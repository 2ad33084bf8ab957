// The settings block of package.json is made from the schema: one truth, and the manifest follows.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import * as v from 'valibot'
import { parseSettings, settingsSchema } from '../../engine/protocol/settings'

interface Manifest {
  contributes: { configuration: Configuration; commands: { command: string; title: string }[] }
  capabilities: { untrustedWorkspaces: { restrictedConfigurations: string[] } }
}
interface Configuration {
  title: string
  properties: Record<string, Property>
}
type Property = Record<string, unknown>

const manifestPath = 'package.json'

describe('settings', () => {
  it('package.json has the block the schema makes (UPDATE=1 rewrites it)', () => {
    const manifest = JSON.parse(readFileSync(manifestPath, 'utf8')) as Manifest
    const expected = configuration()
    if (process.env['UPDATE'] === '1') {
      manifest.contributes.configuration = expected
      // Prettier formats package.json the way JSON.stringify does.
      writeFileSync(manifestPath, `${JSON.stringify(manifest, null, 2)}\n`)
    }
    assert.deepEqual(manifest.contributes.configuration, expected)
  })

  it('every default of the manifest is what the engine assumes without any settings', () => {
    const assumed = parseSettings(undefined)
    for (const [key, property] of Object.entries(configuration().properties))
      assert.deepEqual(property['default'], valueAt(assumed, key), key)
  })

  it('restricted settings exist', () => {
    const manifest = JSON.parse(readFileSync(manifestPath, 'utf8')) as Manifest
    const known = Object.keys(configuration().properties)
    for (const key of manifest.capabilities.untrustedWorkspaces.restrictedConfigurations)
      assert.ok(
        known.includes(key),
        `${key} is restricted in untrusted workspaces, but no such setting exists`,
      )
  })
})

// What a schema cannot say. Programs to run and files to load are the user's choice, not a repository's.
const scopes: Record<string, string> = { 'hearth.engine.nodePath': 'machine-overridable' }

const jsonTypes: Record<string, string> = {
  string: 'string',
  boolean: 'boolean',
  number: 'number',
  picklist: 'string',
  record: 'object',
  array: 'array',
}

function configuration(): Configuration {
  const rows = leaves(settingsSchema, 'hearth')
  const properties = rows.map(([key, schema], order) => [key, property(key, schema, order)] as const)
  return { title: 'Hearth', properties: Object.fromEntries(properties) }
}

function property(key: string, schema: v.GenericSchema, order: number): Property {
  const actions = flatten(schema)
  const isInteger = actions.some((action) => action.type === 'integer')
  const type = isInteger ? 'integer' : jsonTypes[schema.type]
  assert.ok(type !== undefined, `${key}: no JSON type for a schema of type "${schema.type}"`)
  const requirement = (name: string): unknown => actions.find((action) => action.type === name)?.requirement
  const description = v.getDescription(schema)
  assert.ok(description !== undefined, `${key} has no description`)
  return {
    type,
    ...('fallback' in schema ? { default: schema.fallback } : {}),
    ...('options' in schema ? { enum: schema.options } : {}),
    ...(schema.type === 'record' ? { additionalProperties: { type: 'boolean' } } : {}),
    ...(schema.type === 'array' ? { items: { type: 'string' } } : {}),
    ...defined('minimum', requirement('min_value')),
    ...defined('maximum', requirement('max_value')),
    markdownDescription: description,
    order,
    ...defined('scope', scopes[key]),
  }
}

function leaves(schema: v.GenericSchema, prefix: string): [string, v.GenericSchema][] {
  if (!('entries' in schema)) return [[prefix, schema]]
  const entries = Object.entries(schema.entries as Record<string, v.GenericSchema>)
  return entries.flatMap(([name, child]) => leaves(child, `${prefix}.${name}`))
}

interface Action {
  type: string
  requirement?: unknown
}

// A pipe may begin with a schema that is a pipe itself.
function flatten(item: Action | v.GenericSchema): Action[] {
  if (!('pipe' in item)) return [item]
  const [first, ...others] = item.pipe as (Action | v.GenericSchema)[]
  return [...(first === undefined ? [] : flatten(first)), ...others.flatMap(flatten)]
}

function defined(key: string, value: unknown): Property {
  return value === undefined ? {} : { [key]: value }
}

function valueAt(settings: unknown, key: string): unknown {
  return key
    .split('.')
    .slice(1)
    .reduce<unknown>((value, name) => (value as Record<string, unknown>)[name], settings)
}
