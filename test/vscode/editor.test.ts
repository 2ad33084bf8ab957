// A person's first hour with Hearth, in the real VS Code with the packed extension: each test goes on where the last one ended.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { startCodeServer, type CodeServer } from './code-server'
import { project } from './project'
import { modelMs, openWorkbench, until, type Workbench } from './workbench'

describe('Hearth in VS Code', function () {
  this.timeout(300_000)
  let server: CodeServer
  let vscode: Workbench

  before(async () => {
    server = await startCodeServer(project, {
      // By itself it would take the processor, which is faster than a software adapter.
      'hearth.device': 'webgpu',
    })
    vscode = await openWorkbench(server)
  })
  afterEach(async function () {
    if (this.currentTest?.state !== 'failed') return
    await vscode.screenshot(`failed-${this.currentTest.title.replace(/\W+/g, '-')}`)
    process.stderr.write(`${server.log().split('\n').slice(-40).join('\n')}\n`)
  })
  after(async () => {
    // Either may be missing when `before` failed.
    await (vscode as Workbench | undefined)?.close()
    await (server as CodeServer | undefined)?.close()
  })

  it('starts its engine and says so in the status bar', async () => {
    await vscode.openFile('shapes.py')
    await vscode.waitForStatus(/Hearth, ready/)
    assert.equal(server.enginePids().length, 1)
    await vscode.screenshot('01-ready')
  })

  it('runs on the adapter it was given', () => {
    const adapter = process.env['HEARTH_TEST_ADAPTER'] ?? ''
    assert.match(server.log(), new RegExp(adapter))
  })

  it('shows ghost text while typing', async () => {
    await vscode.type('    return ')
    const ghost = await vscode.waitForGhostText()
    assert.notEqual(ghost.trim(), '')
    await vscode.screenshot('02-ghost-text-dark')
  })

  it('takes it with Tab', async () => {
    const ghost = await vscode.waitForGhostText()
    await vscode.press('Tab')
    await until('accepted text', vscode.ghostText, (text) => text !== ghost, 10_000)
    await vscode.press('Escape')
    await vscode.press('Control+S')
    const [firstLine = ''] = ghost.trim().split('\n')
    await until(
      `"${firstLine}" on disk`,
      () => readFileSync(path.join(server.workspace, 'shapes.py'), 'utf8'),
      (text) => text.includes(`    return ${firstLine}`),
      10_000,
    )
    await vscode.screenshot('03-accepted')
  })

  it('streams an answer in the chat', async () => {
    await vscode.command('Hearth: Open Chat')
    await vscode.chat.locator('textarea').waitFor()
    await vscode.chat
      .locator('textarea')
      .fill('Write a Python function that reverses a list, then explain every line.')
    await vscode.screenshot('04-chat-question')
    await vscode.press('Enter')
    const first = await until('answer', answer, (text) => text.length > 10, modelMs)
    await vscode.screenshot('05-chat-streaming')
    const later = await until(
      'more of the answer',
      answer,
      (text) => text.length > first.length + 40,
      modelMs,
    )
    assert.ok(later.startsWith(first.slice(0, 10)), `${first} became ${later}`)
  })

  it('stops it, and keeps what was said', async () => {
    const stop = vscode.chat.locator('[aria-label^="Stop"]')
    await stop.first().click()
    await vscode.chat.locator('.message.assistant.streaming').waitFor({ state: 'detached' })
    const stopped = await answer()
    assert.ok(stopped.length > 20, stopped)
    await new Promise((resolve) => setTimeout(resolve, 1500))
    assert.equal(await answer(), stopped)
    await vscode.screenshot('06-chat-stopped')
  })

  it('explains the selected code', async () => {
    await vscode.openFile('stack.ts')
    await vscode.press('Control+Home')
    for (let line = 0; line < 3; line++) await vscode.press('ArrowDown')
    for (let line = 0; line < 4; line++) await vscode.press('Shift+ArrowDown')
    const turns = vscode.chat.locator('.message.assistant')
    const before = await turns.count()
    await vscode.command('Hearth: Explain Code')
    await until(
      'turn',
      () => turns.count(),
      (count) => count === before + 1,
      modelMs,
    )
    await until('explanation', answer, (text) => text.length > 40, modelMs)
    const question = await vscode.chat.locator('.message.user').last().innerText()
    assert.match(question, /push/)
    await vscode.screenshot('07-explain-code')
    await vscode.chat.locator('[aria-label^="Stop"]').first().click()
  })

  it('opens its menu from the status bar', async () => {
    await vscode.page.locator('.statusbar-item[id*="hearth.status"] a').first().click()
    const rows = vscode.page.locator('.quick-input-list .monaco-list-row')
    await rows.first().waitFor()
    const entries = (await rows.allInnerTexts()).join('\n')
    for (const wanted of ['ghost text', 'Select model', 'Restart engine', 'Show log'])
      assert.ok(entries.includes(wanted), `no "${wanted}" in ${entries}`)
    await vscode.screenshot('08-status-menu')
    await vscode.press('Escape')
    // Else the item's tooltip covers the next pictures.
    await vscode.page.mouse.move(640, 600)
  })

  it('tells why nothing was suggested', async () => {
    await vscode.openFile('shapes.py')
    await vscode.press('Control+Home')
    await vscode.press('ArrowRight')
    // Between the letters of a word.
    await vscode.type('q')
    // Editors have a pause of their own before they ask.
    await new Promise((resolve) => setTimeout(resolve, 1500))
    await vscode.press('Control+Z')
    await vscode.command('Hearth: Why No Suggestion?')
    await vscode.page.locator('.tab.active[data-resource-name^="Why No Suggestion"]').waitFor()
    await until(
      'the reason',
      () => vscode.editorText(),
      (text) => text.includes('the cursor is inside a word'),
      10_000,
    )
    await vscode.page.locator('.editor-actions [aria-label*="Refresh"]').first().click()
    await vscode.screenshot('13-why-no-suggestion')
  })

  it('counts suggestions by day', async () => {
    await vscode.command('Hearth: Show Statistics')
    await vscode.page.locator('.tab.active[data-resource-name^="Statistics"]').waitFor()
    await until(
      'the counts',
      () => vscode.editorText(),
      (text) => /\| \d{4}-\d\d-\d\d \|/.test(text),
      10_000,
    )
    assert.match(await vscode.editorText(), /\| \d{4}-\d\d-\d\d \| +[1-9]\d* \| +1 \(\d+%\) /)
    await vscode.screenshot('14-statistics')
  })

  it('comes back when its engine dies', async () => {
    const [pid = 0] = server.enginePids()
    assert.ok(pid > 0)
    process.kill(pid, 'SIGKILL')
    await until('new engine', server.enginePids, (pids) => pids.length === 1 && pids[0] !== pid, 60_000)
    await vscode.waitForStatus(/Hearth, ready/)
    await vscode.openFile('shapes.py')
    await vscode.type('\n\n')
    await vscode.press('Shift+Tab')
    await vscode.type('def area_of_rectangle(width, height):\nreturn ')
    await vscode.waitForGhostText()
    await vscode.screenshot('09-ghost-text-after-a-crash')
    await vscode.press('Escape')
  })

  it('looks at home in a light theme', async () => {
    await vscode.command('Preferences: Toggle between Light/Dark Themes')
    await vscode.page.locator('.monaco-workbench.vs:not(.vs-dark)').waitFor()
    await vscode.type('width')
    await vscode.waitForGhostText()
    await vscode.screenshot('10-ghost-text-and-chat-light')
    await vscode.press('Escape')
  })

  it('shows the conversation again after a reload', async () => {
    const before = await vscode.chat.locator('.message').count()
    await vscode.reload()
    await vscode.chat.locator('.message').first().waitFor()
    assert.equal(await vscode.chat.locator('.message').count(), before)
    await vscode.waitForStatus(/Hearth, ready/)
    await vscode.screenshot('11-after-reload-light')
  })

  /** What the model said in its last turn, without the buttons around it. */
  async function answer(): Promise<string> {
    const texts = vscode.chat.locator('.turns > :last-child .block:not(.code), .turns > :last-child pre')
    return (await texts.allInnerTexts()).join('\n')
  }
})
