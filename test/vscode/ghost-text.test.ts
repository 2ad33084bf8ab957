// Ghost text in the real VS Code, key by key: what is gray after the keys of a row, and what is in the file once it was taken.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { startCodeServer, type CodeServer } from './code-server'
import { ghostRows, type GhostRow, type Step } from './ghost-rows'
import { modelMs, openWorkbench, until, type Workbench } from './workbench'

const cursor = '┃'

// Nobody knows how it goes on.
const animals = '# Names of some animals.\nanimal = "'

const cell = (source: string): object => ({
  cell_type: 'code',
  execution_count: null,
  metadata: {},
  outputs: [],
  source,
})
const notebook = JSON.stringify({
  cells: [cell(`first = read('first')\nsecond = read('second')\nthird = read('third')`), cell('fourth = ')],
  metadata: { language_info: { name: 'python' } },
  nbformat: 4,
  nbformat_minor: 5,
})

describe('ghost text in VS Code', function () {
  this.timeout(300_000)
  let server: CodeServer
  let vscode: Workbench

  before(async () => {
    const files = ghostRows.map(({ file, document }) => [file, document.replace(cursor, '')] as const)
    server = await startCodeServer(
      { ...Object.fromEntries(files), 'notebook.ipynb': notebook, 'animals.py': animals },
      { 'hearth.device': 'cpu' },
    )
    vscode = await openWorkbench(server)
    await vscode.waitForStatus(/Hearth, ready/)
    // A new editor takes a while until it asks for suggestions by itself; by hand it asks at once.
    await vscode.openFile('animals.py')
    await vscode.press('Alt+Backslash')
    await vscode.waitForGhostText()
    await vscode.press('Escape')
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

  for (const row of ghostRows) it(row.title, () => check(row))

  it('has others for somebody who asks by hand', async () => {
    await vscode.openFile('animals.py')
    await vscode.press('Alt+Backslash')
    const first = await vscode.waitForGhostText()
    await vscode.press('Alt+BracketRight')
    await until('another ghost', vscode.ghostText, (text) => text !== '' && text !== first, modelMs)
    await vscode.press('Alt+BracketLeft')
    await waitForGhost(first)
    await vscode.press('Escape')
  })

  it('appears in a document without a file', async () => {
    await vscode.press('Control+Alt+N')
    await vscode.page.locator('.tab.active[data-resource-name^="Untitled"]').waitFor()
    await vscode.type('A cat sat on the mat.\nA dog sat on the mat.\nA hen sat on the mat.\nA cow sat')
    await waitForGhost(' on the mat.')
    await vscode.press('Tab')
    await until(
      'the text taken',
      () => vscode.editorText(),
      (text) => text.includes('A cow sat on the mat.'),
      10_000,
    )
  })

  it('goes on in a cell of a notebook from the cell above', async () => {
    await vscode.openNotebook('notebook.ipynb')
    const cells = vscode.page.locator('.notebookOverlay .cell.code .view-lines')
    await cells.nth(1).click()
    await vscode.press('Control+End')
    await vscode.press('Alt+Backslash')
    await waitForGhost(`read('fourth')`)
    await vscode.press('Tab')
    await until(
      'the text taken',
      async () => (await cells.nth(1).innerText()).replace(/\u00a0/g, ' '),
      (text) => text === `fourth = read('fourth')`,
      10_000,
    )
  })

  async function check({ file, document, steps, result }: GhostRow): Promise<void> {
    const before = document.slice(0, document.indexOf(cursor))
    const line = before.split('\n').length - 1
    await vscode.openFileAt(file, line, before.length - before.lastIndexOf('\n') - 1)
    for (const step of steps) await take(step)
    await vscode.press('Control+S')
    const onDisk = (): string => readFileSync(path.join(server.workspace, file), 'utf8')
    await until('the expected text on disk', onDisk, (text) => text === result, 10_000)
  }

  async function take(step: Step): Promise<void> {
    if ('type' in step) await vscode.type(step.type)
    else if ('press' in step) await vscode.press(step.press)
    else if ('see' in step) await vscode.page.locator(step.see).waitFor()
    else if ('frames' in step) assert.deepEqual(await vscode.typeWatched(step.typeThrough), [step.frames])
    else await waitForGhost(step.ghost)
  }

  async function waitForGhost(wanted: string): Promise<void> {
    await until(`ghost "${wanted}"`, vscode.ghostText, (text) => text === wanted, modelMs)
  }
})
