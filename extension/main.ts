// The extension starts here: activate() is a table of commands over one engine and one conversation.
import path from 'node:path'
import * as vscode from 'vscode'
import { describeError } from '../engine/protocol/errors'
import { DidAcceptNotification } from '../engine/protocol/messages'
import { ChatController, type ViewCommand } from './chat-controller'
import { createChatEngine } from './chat-engine'
import { ChatView, chatViewId } from './chat-view'
import { Engine } from './client'
import { watchDeclarations } from './declarations'
import { readSettings, toggleCompletions, toggleCompletionsFor } from './configuration'
import { explainCode } from './explain'
import { didAcceptCommand } from './ghost-text'
import { insertAtCursor } from './insert'
import { showLastPrompts } from './last-prompts'
import { createLogChannel, type LogChannel } from './log'
import { selectModel } from './select-model'
import { readWhyPage } from './read-why-page'
import { createStatusItem, showStatusMenu } from './status'
import { drawStatistics } from './statistics'
import { watchRest } from './rest-watcher'
import { StatisticsRecorder } from './statistics-recorder'
import { TextPage } from './text-page'

const conversationKey = 'hearth.conversation'

let running: Engine | undefined

export function activate(context: vscode.ExtensionContext): void {
  try {
    start(context)
  } catch (error) {
    // VS Code itself says nothing when an extension fails to activate.
    void vscode.window.showErrorMessage(`Hearth could not start: ${describeError(error)}`)
    throw error
  }
}

export async function deactivate(): Promise<void> {
  await running?.stop()
}

function start(context: vscode.ExtensionContext): void {
  const log = createLogChannel()
  const statistics = new StatisticsRecorder(context.globalState)
  const engine = new Engine(path.join(context.extensionPath, 'dist', 'engine.js'), log, statistics)
  running = engine
  let lastEditor = vscode.window.activeTextEditor

  const chat: ChatController = new ChatController({
    engine: createChatEngine(() => engine.client()),
    post: (message) => view.post(message),
    status: () => engine.status,
    store: {
      load: () => context.workspaceState.get(conversationKey),
      save: (turns) => context.workspaceState.update(conversationKey, turns),
    },
    copy: (text) => vscode.env.clipboard.writeText(text),
    insert: (text) => insertAtCursor(text, lastEditor),
    openLink: async (href) => void (await vscode.env.openExternal(vscode.Uri.parse(href, true))),
    run: (command) => vscode.commands.executeCommand(viewCommands[command]),
    log,
  })
  const whyPage = new TextPage({
    scheme: 'hearth-why',
    name: 'Why No Suggestion',
    read: () => readWhyPage(engine),
  })
  const statisticsPage = new TextPage({
    scheme: 'hearth-statistics',
    name: 'Statistics',
    read: async () => drawStatistics(await statistics.all()),
  })
  const view: ChatView = new ChatView(context.extensionUri, (raw) => chat.onMessage(raw))

  const commands: Record<string, () => unknown> = {
    'hearth.explainCode': () => explainCode(view, chat),
    'hearth.openChat': () => view.reveal(),
    'hearth.clearChat': () => chat.clear(),
    'hearth.selectModel': () => selectModel(engine),
    'hearth.toggleCompletions': () => toggleCompletions(),
    'hearth.toggleCompletionsForLanguage': () => toggleForActiveLanguage(),
    'hearth.triggerCompletion': () => vscode.commands.executeCommand('editor.action.inlineSuggest.trigger'),
    'hearth.restartEngine': () => engine.restart(),
    'hearth.showLog': () => log.channel.show(),
    'hearth.whyNoSuggestion': () => whyPage.show(),
    'hearth.refreshWhyPage': () => whyPage.refresh(),
    'hearth.showStatistics': () => statisticsPage.show(),
    'hearth.refreshStatistics': () => statisticsPage.refresh(),
    'hearth.resetStatistics': () => resetStatistics(statistics, statisticsPage),
    'hearth.showLastPrompts': () => showLastPrompts(engine),
    'hearth.showStatusMenu': () => showStatusMenu(engine),
    'hearth.openWalkthrough': () => openWalkthrough(context),
    'hearth.openSettings': () =>
      vscode.commands.executeCommand('workbench.action.openSettings', `@ext:${context.extension.id}`),
  }

  context.subscriptions.push(
    log,
    engine,
    statistics,
    whyPage,
    statisticsPage,
    createStatusItem(engine),
    engine.onStatus((status) => view.post({ type: 'status', status })),
    ...Object.entries(commands).map(([id, run]) => register(id, run, log)),
    vscode.commands.registerCommand(didAcceptCommand, (uri: string, text: string) => {
      statistics.accepted(uri, text)
      return reportAccepted(engine, uri, text, log)
    }),
    vscode.window.registerWebviewViewProvider(chatViewId, view),
    vscode.window.onDidChangeActiveTextEditor((editor) => (lastEditor = editor ?? lastEditor)),
    watchSettings(engine, log),
    watchRest((params) => {
      engine.rested(params).catch((error: unknown) => {
        // Nothing is lost but a head start.
        log.debug(`The engine was not told where the cursor rests: ${describeError(error)}`)
      })
    }),
    watchDeclarations(engine, log),
  )
  engine.start()
}

const viewCommands: Record<ViewCommand, string> = {
  'restart-engine': 'hearth.restartEngine',
  'show-log': 'hearth.showLog',
  'select-model': 'hearth.selectModel',
}

// A command that fails says so once, with the next step; the stack is for the log.
function register(id: string, run: () => unknown, log: LogChannel): vscode.Disposable {
  return vscode.commands.registerCommand(id, async () => {
    try {
      await run()
    } catch (error) {
      log.error(`${id}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
      void vscode.window.showErrorMessage(`Hearth: ${describeError(error)}`)
    }
  })
}

async function resetStatistics(statistics: StatisticsRecorder, page: TextPage): Promise<void> {
  const question = 'Forget the counts of all days?'
  if ((await vscode.window.showWarningMessage(question, { modal: true }, 'Forget')) === undefined) return
  await statistics.reset()
  page.refresh()
}

async function toggleForActiveLanguage(): Promise<void> {
  const language = vscode.window.activeTextEditor?.document.languageId
  if (language === undefined)
    void vscode.window.showInformationMessage('Hearth: open a file of the language first.')
  else await toggleCompletionsFor(language)
}

async function openWalkthrough(context: vscode.ExtensionContext): Promise<void> {
  await vscode.commands.executeCommand(
    'workbench.action.openWalkthrough',
    `${context.extension.id}#hearth.start`,
    false,
  )
}

async function reportAccepted(engine: Engine, uri: string, text: string, log: LogChannel): Promise<void> {
  try {
    await (await engine.client()).sendNotification(DidAcceptNotification.type, { uri, text })
  } catch (error) {
    // The text is in the document already; all that is lost is a warm start for the next suggestion.
    log.debug(`An accepted suggestion was not reported: ${describeError(error)}`)
  }
}

// Which Node.js runs the engine hangs on these: one may lack the GPU that another has.
const runtimeSettings = ['hearth.engine.nodePath', 'hearth.device']

function watchSettings(engine: Engine, log: LogChannel): vscode.Disposable {
  return vscode.workspace.onDidChangeConfiguration(async (event) => {
    if (!event.affectsConfiguration('hearth')) return
    try {
      const settings = readSettings()
      await engine.configure(settings)
      if (runtimeSettings.some((key) => event.affectsConfiguration(key)) && engine.needsRestart(settings))
        await offerRestart(engine)
    } catch (error) {
      log.error(`Settings were not handed to the engine: ${describeError(error)}`)
    }
  })
}

async function offerRestart(engine: Engine): Promise<void> {
  const question = 'Hearth: the engine must be restarted to run on another Node.js.'
  if ((await vscode.window.showInformationMessage(question, 'Restart Engine')) !== undefined)
    await engine.restart()
}
