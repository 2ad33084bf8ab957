// Where downloaded models live: a folder that the platform says may be thrown away, and that all editors share.
import os from 'node:os'
import path from 'node:path'

/** `HEARTH_CACHE`, else the platform's convention. Not created here. */
export function cacheFolder(
  env: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform = process.platform,
  home: string = os.homedir(),
): string {
  if (env['HEARTH_CACHE']) return path.resolve(env['HEARTH_CACHE'])
  const { win32, posix } = path
  if (platform === 'win32')
    return win32.join(env['LOCALAPPDATA'] || win32.join(home, 'AppData', 'Local'), 'hearth')
  // The XDG specification says that a relative path in its variables must be ignored.
  if (env['XDG_CACHE_HOME'] && posix.isAbsolute(env['XDG_CACHE_HOME']))
    return posix.join(env['XDG_CACHE_HOME'], 'hearth')
  return platform === 'darwin'
    ? posix.join(home, 'Library', 'Caches', 'hearth')
    : posix.join(home, '.cache', 'hearth')
}

export function modelsFolder(): string {
  return path.join(cacheFolder(), 'models')
}
