// On a machine without any GPU driver, the same VSIX in the same VS Code: slower, and it says why.
import assert from 'node:assert/strict'
import { startCodeServer, type CodeServer } from './code-server'
import { project } from './project'
import { openWorkbench, type Workbench } from './workbench'

describe('Hearth in VS Code without a GPU driver', function () {
  this.timeout(300_000)
  let server: CodeServer
  let vscode: Workbench

  before(async () => {
    // A processor that is busy with other tests takes its time.
    server = await startCodeServer(project, {
      'hearth.completion.timeBudgetMs': 60_000,
      'hearth.completion.maxTokens': 8,
    })
    vscode = await openWorkbench(server)
  })
  after(async () => {
    // Either may be missing when `before` failed.
    await (vscode as Workbench | undefined)?.close()
    await (server as CodeServer | undefined)?.close()
  })

  it('shows ghost text, and takes it with Tab', async () => {
    await vscode.openFile('shapes.py')
    await vscode.waitForStatus(/Hearth, ready/)
    await vscode.type('    return ')
    const ghost = await vscode.waitForGhostText()
    await vscode.screenshot('12-ghost-text-on-cpu')
    await vscode.press('Tab')
    const [firstLine = ''] = ghost.trim().split('\n')
    assert.ok((await vscode.editorText()).includes(firstLine))
  })

  it('tells that it runs on the processor, and why', () => {
    assert.match(server.log(), /cpu/)
  })
})
