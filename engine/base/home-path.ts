// Paths that no shell has read: in settings, and glued to an option, `~` is still there.
import os from 'node:os'

/** A leading `~` as the home folder; `~user` and everything else stays as it is. */
export function expandHome(given: string): string {
  return given.replace(/^~(?=$|[\\/])/, () => os.homedir())
}
