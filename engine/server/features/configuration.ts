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
        .then((fetched: unknown) => {
          // An editor without a section of ours answers null, and keeps what it said at the start.
          if (fetched !== null) host.configure(fetched)
        })
        .catch((error: unknown) => host.log.warn(`Settings were not read: ${describeError(error)}`))
    })
    return {}
  },
}

/** The section `hearth` of pushed settings. Undefined without one: other servers' settings are not ours to take. */
function ownSettings(pushed: unknown): unknown {
  if (typeof pushed !== 'object' || pushed === null || !('hearth' in pushed)) return undefined
  return pushed.hearth ?? undefined
}
