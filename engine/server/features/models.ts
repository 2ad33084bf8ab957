// The catalog, loading one of its models, and the status that tells how it goes.
import * as v from 'valibot'
import { LoadModelRequest, ModelsRequest, StatusRequest } from '../../protocol/messages'
import { handle, parseParams } from '../edge'
import type { Feature } from '../feature'
import { displayIn } from '../load-display'

const loadParams = v.object({
  model: v.pipe(v.string(), v.nonEmpty()),
  workDoneToken: v.optional(v.union([v.string(), v.number()])),
})

export const models: Feature = {
  register(connection, host) {
    connection.onRequest(StatusRequest.type, () => host.models.status)
    connection.onRequest(ModelsRequest.type, (token) => handle(token, host.log, () => host.listModels()))
    connection.onRequest(LoadModelRequest.type, (params, token) =>
      handle(token, host.log, (signal) => {
        const { model, workDoneToken } = parseParams(loadParams, params)
        const { device, contextLength, quantize, kvCache, draftModel } = host.settings()
        const display =
          workDoneToken === undefined
            ? undefined
            : displayIn(connection.window.attachWorkDoneProgress(workDoneToken), `Hearth: loading ${model}`)
        const choice = { model, device, contextLength, quantize, kvCache, draftModel }
        return host.models.load(choice, signal, display)
      }),
    )
    return {}
  },
}
