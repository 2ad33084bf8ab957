// Whether this machine runs on its battery, as Linux tells it in files. Elsewhere only programs of the system know, and `auto` of `hearth.lowPower` takes it for mains.
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'

export interface Power {
  /** What was known at the last look. Never waits. */
  onBattery(): boolean
}

const linuxFolder = '/sys/class/power_supply'

// Some batteries take long to answer, and none changes often.
const lookEveryMs = 20_000

/** Looks again when it is asked and the last look is older than that; false until the first has ended. */
export function watchPower(folder = linuxFolder): Power {
  let known = false
  let lookedAt = -Infinity
  const look = (): void => {
    lookedAt = performance.now()
    runsOnBattery(folder).then(
      (onBattery) => (known = onBattery),
      // There is no such folder where the system is another, or has no power supplies to speak of.
      () => (known = false),
    )
  }
  look()
  return {
    onBattery() {
      if (performance.now() - lookedAt > lookEveryMs) look()
      return known
    },
  }
}

/** A battery of the machine is being emptied, and no adapter is plugged in. Rejects when the folder cannot be read. */
export async function runsOnBattery(folder: string): Promise<boolean> {
  const supplies = await Promise.all(
    (await readdir(folder)).map(async (name) => {
      const read = (file: string): Promise<string> =>
        readFile(path.join(folder, name, file), 'utf8').then(
          (text) => text.trim(),
          () => '',
        )
      const [type, scope, online, status] = await Promise.all(['type', 'scope', 'online', 'status'].map(read))
      return { type, scope, online, status }
    }),
  )
  // A mouse has a battery, too.
  const own = supplies.filter(({ scope }) => scope !== 'Device')
  return (
    own.some(({ type, status }) => type === 'Battery' && status === 'Discharging') &&
    !own.some(({ type, online }) => type !== 'Battery' && online === '1')
  )
}
