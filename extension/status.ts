// The status bar item and the menu behind it.
import * as vscode from 'vscode'
import { readSettings } from './configuration'
import type { Engine } from './client'
import { completionAllowed, languageAllowed } from './settings'
import { drawStatus, modelName } from './status-text'

/** Shows the item for as long as the result is not disposed. */
export function createStatusItem(engine: Engine): vscode.Disposable {
  const item = vscode.window.createStatusBarItem('hearth.status', vscode.StatusBarAlignment.Right, 100)
  item.name = 'Hearth'
  item.command = 'hearth.showStatusMenu'
  const draw = (): void => {
    const document = vscode.window.activeTextEditor?.document
    const settings = readSettings()
    const completions =
      document === undefined ? settings.completion.enabled : completionAllowed(settings, document.languageId)
    const picture = drawStatus(engine.status, completions)
    item.text = picture.text
    item.tooltip = new vscode.MarkdownString(picture.tooltip, true)
    item.accessibilityInformation = { label: picture.label, role: 'button' }
    item.backgroundColor = picture.isError
      ? new vscode.ThemeColor('statusBarItem.errorBackground')
      : undefined
  }
  draw()
  item.show()
  return vscode.Disposable.from(
    item,
    engine.onStatus(draw),
    vscode.window.onDidChangeActiveTextEditor(draw),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration('hearth')) draw()
    }),
  )
}

interface MenuItem extends vscode.QuickPickItem {
  command?: string
}

/** Everything the extension can do, in one list; each entry is a command that exists by itself too. */
export async function showStatusMenu(engine: Engine): Promise<void> {
  const picked = await vscode.window.showQuickPick(menu(engine), {
    title: `Hearth: ${engine.status.message === '' ? engine.status.state : engine.status.message}`,
    placeHolder: 'What would you like to do?',
  })
  if (picked?.command !== undefined) await vscode.commands.executeCommand(picked.command)
}

function menu(engine: Engine): MenuItem[] {
  const settings = readSettings()
  const language = vscode.window.activeTextEditor?.document.languageId
  const { enabled, languages } = settings.completion
  const forLanguage: MenuItem[] =
    language === undefined || !enabled
      ? []
      : [
          languageAllowed(languages, language)
            ? entry(
                '$(circle-slash)',
                `Disable ghost text for ${language}`,
                'hearth.toggleCompletionsForLanguage',
              )
            : entry('$(check)', `Enable ghost text for ${language}`, 'hearth.toggleCompletionsForLanguage'),
        ]
  return [
    enabled
      ? entry('$(circle-slash)', 'Disable ghost text', 'hearth.toggleCompletions')
      : entry('$(check)', 'Enable ghost text', 'hearth.toggleCompletions'),
    ...forLanguage,
    entry('$(question)', 'Why no suggestion?', 'hearth.whyNoSuggestion'),
    entry('$(graph)', 'Show statistics', 'hearth.showStatistics'),
    separator('Model'),
    {
      ...entry('$(chip)', 'Select model…', 'hearth.selectModel'),
      description: modelName(engine.status.model),
    },
    separator('Chat'),
    entry('$(comment-discussion)', 'Open chat', 'hearth.openChat'),
    separator('Engine'),
    {
      ...entry('$(debug-restart)', 'Restart engine', 'hearth.restartEngine'),
      description: engine.status.device,
    },
    entry('$(output)', 'Show log', 'hearth.showLog'),
    entry('$(list-ordered)', 'Show last prompts', 'hearth.showLastPrompts'),
    separator('Help'),
    entry('$(book)', 'Open walkthrough', 'hearth.openWalkthrough'),
    entry('$(gear)', 'Open settings', 'hearth.openSettings'),
  ]
}

function entry(icon: string, label: string, command: string): MenuItem {
  return { label: `${icon} ${label}`, command }
}

function separator(label: string): MenuItem {
  return { label, kind: vscode.QuickPickItemKind.Separator }
}
