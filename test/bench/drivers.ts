// Which adapters this machine can measure on, and how to choose one for a process.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'

/** Variables of a process that computes on lavapipe; undefined without it. */
export function lavapipe(): NodeJS.ProcessEnv | undefined {
  const folder = '/usr/share/vulkan/icd.d'
  const file = existsSync(folder) && readdirSync(folder).find((name) => /^lvp_icd.*\.json$/.test(name))
  return file ? { VK_DRIVER_FILES: path.join(folder, file) } : undefined
}

/** An empty set of variables where the adapter that is chosen without any is no software. */
export function gpu(): NodeJS.ProcessEnv | undefined {
  const found = spawnSync(process.execPath, ['dist/engine.js', 'doctor', '--json'], { encoding: 'utf8' })
  const { adapters = [] } = JSON.parse(found.stdout) as { adapters?: { software: boolean }[] }
  return adapters[0]?.software === false ? {} : undefined
}
