// Settings that change while the engine runs: pushed by the client, or fetched when it only says "changed".
import { describeError } from '../../protocol/errors'
import type { Feature } from '../feature'

export const configuration: Feature = {
  register(connection, host, client) {
    const canFetch = client.capabilities.workspace?.configuration === true
    connection.onDidChangeConfiguration(({ settings }: { settings: unknown }) => {
      const pushed = ownSettings(settings)
      if (pushed !== undefined) return host.configure(pushed)
      if (!canFetch) return
      connection.workspace
        .getConfiguration('hearth')
        .then((fetched: unknown) => host.configure(fetched))
        .catch((error: unknown) => host.log.warn(`Settings were not read: ${describeError(error)}`))
    })
    return {}
  },
}

/** Our part of pushed settings: under `hearth`, or all of them. Undefined when nothing was pushed. */
export function ownSettings(pushed: unknown): unknown {
  if (typeof pushed !== 'object' || pushed === null || Object.keys(pushed).length === 0) return undefined
  return 'hearth' in pushed ? pushed.hearth : pushed
}
