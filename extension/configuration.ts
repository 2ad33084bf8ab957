// Reads and writes `hearth.*` in VS Code's settings.
import * as vscode from 'vscode'
import { parseSettings, type Settings } from '../engine/protocol/settings'
import { languageAllowed, toggleLanguage } from './settings'

/** The settings as the engine gets them: complete, and with bad values replaced by defaults. */
export function readSettings(): Settings {
  return parseSettings(toPlain(vscode.workspace.getConfiguration('hearth')))
}

/** Switches ghost text everywhere. @returns whether it is on now. */
export async function toggleCompletions(): Promise<boolean> {
  const enabled = !readSettings().completion.enabled
  await write('completion.enabled', enabled)
  return enabled
}

/** Switches ghost text for one language. @returns whether it is on now. */
export async function toggleCompletionsFor(languageId: string): Promise<boolean> {
  const languages = toggleLanguage(readSettings().completion.languages, languageId)
  await write('completion.languages', languages)
  return languageAllowed(languages, languageId)
}

export async function writeModel(model: string): Promise<void> {
  await write('model', model)
}

// A value set for the folder would win over one written for the user, so the change goes where the setting lives.
async function write(key: string, value: unknown): Promise<void> {
  const configuration = vscode.workspace.getConfiguration('hearth')
  const inWorkspace = configuration.inspect(key)?.workspaceValue !== undefined
  await configuration.update(
    key,
    value,
    inWorkspace ? vscode.ConfigurationTarget.Workspace : vscode.ConfigurationTarget.Global,
  )
}

// The configuration object is a proxy with methods on it; only its data may cross to the engine.
function toPlain(configuration: vscode.WorkspaceConfiguration): unknown {
  return JSON.parse(JSON.stringify(configuration)) as unknown
}
