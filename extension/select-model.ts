// Choosing a model: the catalog and files on disk in one list, loading with progress that can be cancelled.
import * as vscode from 'vscode'
import { WorkDoneProgress, type LanguageClient } from 'vscode-languageclient/node'
import { describeError } from '../engine/protocol/errors'
import { LoadModelRequest, ModelsRequest, type ModelInfo } from '../engine/protocol/messages'
import type { Engine } from './client'
import { writeModel } from './configuration'
import { sizeText } from './status-text'
import { fromWire } from './wire-error'

interface ModelItem extends vscode.QuickPickItem {
  model?: string
  fromFile?: true
}

/** Asks, loads, and only then remembers the choice: a model that does not load never becomes the setting. */
export async function selectModel(engine: Engine): Promise<void> {
  const client = await engine.client()
  const models = client.sendRequest(ModelsRequest.type).catch((error: unknown) => {
    throw fromWire(error)
  })
  const picked = await vscode.window.showQuickPick<ModelItem>(
    models.then((list) => items(list, engine.status.model)),
    { title: 'Hearth: Select Model', placeHolder: 'A model to run on this machine', matchOnDetail: true },
  )
  const model = picked?.fromFile === true ? await pickFile() : picked?.model
  if (model === undefined) return
  if (await load(client, model)) await writeModel(model)
}

function items(models: readonly ModelInfo[], current: string): ModelItem[] {
  const ordered = [...models].sort((a, b) => Number(b.installed) - Number(a.installed) || a.bytes - b.bytes)
  return [
    ...ordered.map((model) => ({
      label: `${model.id === current ? '$(check)' : model.installed ? '$(package)' : '$(cloud-download)'} ${model.title}`,
      description: `${sizeText(model.bytes)}${model.installed ? '' : ' to download'} · ${model.license}`,
      detail: model.description,
      model: model.id,
    })),
    { label: 'On this machine', kind: vscode.QuickPickItemKind.Separator },
    { label: '$(folder-opened) Choose a file…', fromFile: true },
  ]
}

async function pickFile(): Promise<string | undefined> {
  const files = await vscode.window.showOpenDialog({
    title: 'Hearth: a model as a GGUF file, or RWKV as .pth',
    openLabel: 'Use This Model',
    filters: { Models: ['gguf', 'pth'] },
  })
  return files?.[0]?.fsPath
}

async function load(client: LanguageClient, model: string): Promise<boolean> {
  const options = {
    location: vscode.ProgressLocation.Notification,
    title: `Hearth: loading ${model}`,
    cancellable: true,
  }
  return vscode.window.withProgress(options, async (progress, token) => {
    const workDoneToken = crypto.randomUUID()
    let shown = 0
    const listener = client.onProgress(WorkDoneProgress.type, workDoneToken, (value) => {
      if (value.kind === 'end') return
      const percentage = value.percentage ?? shown
      progress.report({
        increment: Math.max(0, percentage - shown),
        ...(value.message === undefined ? {} : { message: value.message }),
      })
      shown = Math.max(shown, percentage)
    })
    try {
      await client.sendRequest(LoadModelRequest.type, { model, workDoneToken }, token)
      return true
    } catch (error) {
      // Cancelled by the button: the engine keeps the model it had, and there is nothing to report.
      if (!token.isCancellationRequested)
        void vscode.window.showErrorMessage(`Hearth: ${describeError(fromWire(error))}`)
      return false
    } finally {
      listener.dispose()
    }
  })
}
