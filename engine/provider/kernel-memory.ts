// Remembers which kernels were fastest on an adapter, in the cache folder: a version's file is no use to any other version.
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { version } from '../../package.json'
import type { KernelChoice, KernelChoices, KernelMemory } from '../backend/kernel-choice'
import type { Log } from '../base/log'
import { cacheFolder } from './cache-folder'

/** What cannot be read is measured again, and what cannot be written is only logged. */
export function kernelMemory(log: Log, folder = cacheFolder()): KernelMemory {
  const file = path.join(folder, 'kernels.json')
  return {
    recall: async (adapter) => parse((await remembered(file))[adapter]),
    remember: async (adapter, choices) => {
      try {
        const adapters = { ...(await remembered(file)), [adapter]: choices }
        // Renamed, so that nobody reads half of it; the last of several processes wins.
        const ready = `${file}.${process.pid}`
        await mkdir(folder, { recursive: true })
        await writeFile(ready, JSON.stringify({ version, adapters }, undefined, 2))
        await rename(ready, file)
      } catch (error) {
        log.debug(`kernels: not remembered: ${String(error)}`)
      }
    },
  }
}

/** By adapter. Empty when there is none, it is broken, or another version wrote it. */
async function remembered(file: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    const found: unknown = JSON.parse(await readFile(file, 'utf8'))
    return isRecord(found) && found['version'] === version && isRecord(found['adapters'])
      ? found['adapters']
      : {}
  } catch {
    return {}
  }
}

function parse(value: unknown): KernelChoices | undefined {
  if (!isRecord(value)) return undefined
  const { decode, prefill } = value
  return isChoice(decode) && isChoice(prefill) ? { decode, prefill } : undefined
}

function isChoice(value: unknown): value is KernelChoice {
  return (
    isRecord(value) &&
    typeof value['kernel'] === 'string' &&
    typeof value['why'] === 'string' &&
    typeof value['isMeasured'] === 'boolean'
  )
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
