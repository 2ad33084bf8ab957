// What a person does in VS Code, in a real browser: keys, words, and waiting until something is to be seen.
import { mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import type { CodeServer } from './code-server'

// playwright-core is installed beside other heavy tools, where the compiler does not look for its types.
export interface Locator {
  click(options?: object): Promise<void>
  count(): Promise<number>
  first(): Locator
  last(): Locator
  nth(index: number): Locator
  locator(selector: string): Locator
  innerText(): Promise<string>
  allInnerTexts(): Promise<string[]>
  getAttribute(name: string): Promise<string | null>
  waitFor(options?: {
    state?: 'visible' | 'hidden' | 'attached' | 'detached'
    timeout?: number
  }): Promise<void>
  fill(text: string): Promise<void>
}
interface FrameLocator {
  frameLocator(selector: string): FrameLocator
  locator(selector: string): Locator
}
interface Page {
  goto(url: string): Promise<unknown>
  reload(): Promise<unknown>
  /** Runs a script in the page; its value must be JSON. */
  evaluate<T>(script: string): Promise<T>
  locator(selector: string): Locator
  frameLocator(selector: string): FrameLocator
  mouse: { move(x: number, y: number): Promise<void> }
  keyboard: {
    press(key: string): Promise<void>
    type(text: string, options?: { delay: number }): Promise<void>
  }
  screenshot(options: { path: string }): Promise<unknown>
  setDefaultTimeout(ms: number): void
}
interface Browser {
  newPage(options: object): Promise<Page>
  close(): Promise<void>
}
interface Playwright {
  chromium: { launch(options: { executablePath: string; args: string[] }): Promise<Browser> }
}

/** Longest wait for the model: a software GPU on a busy machine. */
export const modelMs = 120_000
const interfaceMs = 30_000

const chromiumFlags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
  '--disable-quic',
]

export interface Workbench {
  page: Page
  /** The chat page, inside its two frames. */
  chat: FrameLocator
  /** Opens a file of the workspace and puts the cursor at its end. */
  openFile: (name: string) => Promise<void>
  /** Opens a file with the cursor at a place of it, counted from 0. */
  openFileAt: (name: string, line: number, character: number) => Promise<void>
  openNotebook: (name: string) => Promise<void>
  /** Runs a command of the palette by its title. */
  command(title: string): Promise<void>
  type(text: string): Promise<void>
  press(key: string): Promise<void>
  /** Types like a person, and tells which texts the line at the cursor had in the frames of it, with what is gray in it and below. */
  typeWatched: (text: string) => Promise<string[]>
  /** Types, and tells how many milliseconds it took from each key to the end of the frame after it. */
  keysToPaint: (text: string, delayMs: number) => Promise<number[]>
  /** Loads the window again, as after a restart of VS Code. */
  reload(): Promise<void>
  /** Text of the lines on screen, with ghost text among them. */
  editorText(): Promise<string>
  /** What is gray at the moment; empty when nothing is. */
  ghostText: () => Promise<string>
  /** Resolves with the gray text as soon as there is some. */
  waitForGhostText(): Promise<string>
  statusLabel(): Promise<string>
  waitForStatus(pattern: RegExp): Promise<string>
  /** Picture for people, in test/screenshots. */
  screenshot(name: string): Promise<void>
  close(): Promise<void>
}

export async function openWorkbench(server: CodeServer): Promise<Workbench> {
  const require = createRequire(path.join(process.cwd(), 'test/tools/package.json'))
  const { chromium } = require('playwright-core') as Playwright
  const browser = await chromium.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    args: chromiumFlags,
  })
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } })
  page.setDefaultTimeout(interfaceMs)
  const status = page.locator('.statusbar-item[id*="hearth.status"]')

  const statusLabel = async (): Promise<string> =>
    (await status.count()) === 0 ? '' : ((await status.first().getAttribute('aria-label')) ?? '')
  const ghostText = async (): Promise<string> =>
    (await page.evaluate<string[]>(readGhost)).join('\n').replace(/\u00a0/g, ' ')
  const screenshot = async (name: string): Promise<void> => {
    mkdirSync('test/screenshots', { recursive: true })
    await page.screenshot({ path: `test/screenshots/${name}.png` })
  }
  const quickInput = page.locator('.quick-input-widget input')

  const quickOpen = async (name: string, place = ''): Promise<void> => {
    await page.keyboard.press('Control+P')
    await quickInput.fill(name + place)
    // The list shows other files until it has searched.
    await page.locator(`.quick-input-list .monaco-list-row.focused[aria-label^="${name}"]`).waitFor()
    await page.keyboard.press('Enter')
    await page.locator(`.tab.active[data-resource-name="${name}"]`).waitFor()
  }
  const openText = async (name: string, place = ''): Promise<void> => {
    await quickOpen(name, place)
    await page.locator('.editor-instance .view-lines').first().waitFor()
  }

  const workbench: Workbench = {
    page,
    chat: page.frameLocator('iframe.webview.ready').frameLocator('#active-frame'),
    async openFile(name) {
      await openText(name)
      await page.keyboard.press('Control+End')
    },
    openFileAt: (name, line, character) => openText(name, `:${line + 1}:${character + 1}`),
    async openNotebook(name) {
      await quickOpen(name)
      await page.locator('.notebookOverlay .cell .view-lines').first().waitFor()
    },
    async command(title) {
      await page.keyboard.press('F1')
      await quickInput.fill(`>${title}`)
      await page.locator(`.quick-input-list .monaco-list-row.focused[aria-label^="${title}"]`).waitFor()
      await page.keyboard.press('Enter')
    },
    type: (text) => page.keyboard.type(text, { delay: 30 }),
    press: (key) => page.keyboard.press(key),
    async typeWatched(text) {
      await page.evaluate(watchFrames)
      await page.keyboard.type(text, { delay: 80 })
      const frames = await page.evaluate<string[]>(readFrames)
      return frames.map((frame) => frame.replace(/\u00a0/g, ' '))
    },
    async keysToPaint(text, delay) {
      await page.evaluate(watchKeys)
      await page.keyboard.type(text, { delay })
      return page.evaluate<number[]>(readKeys)
    },
    async reload() {
      await page.reload()
      await opened(page)
    },
    editorText: async () =>
      (await page.locator('.editor-instance .view-lines').first().innerText()).replace(/\u00a0/g, ' '),
    ghostText,
    waitForGhostText: () => until('ghost text', ghostText, (text) => text.trim() !== '', modelMs),
    statusLabel,
    waitForStatus: (pattern) =>
      until(`the status ${String(pattern)}`, statusLabel, (label) => pattern.test(label), modelMs),
    screenshot,
    close: () => browser.close(),
  }
  try {
    await page.goto(server.url)
    await opened(page)
  } catch (error) {
    await screenshot('00-workbench-did-not-open')
    await browser.close()
    throw error
  }
  return workbench
}

// The gray pieces of each line, and the lines that stand below it until they are taken.
const readGhost = `
  const lines = [...document.querySelectorAll('.view-lines .view-line:has([class*="ghost-text-decoration"])')]
  const pieces = lines.map((line) => [...line.querySelectorAll('[class*="ghost-text-decoration"]')])
  const below = [...document.querySelectorAll('.suggest-preview-text .view-line')].map((line) => [line])
  ;[...pieces, ...below].map((parts) => parts.map(({ textContent }) => textContent).join(''))`

// What a frame has painted is what stands there when the next one begins.
const watchFrames = `
  const texts = new Set()
  const lineAtCursor = () => {
    const top = document.querySelector('.cursors-layer .cursor').style.top
    return [...document.querySelectorAll('.lines-content .view-lines > .view-line')].find(({ style }) => style.top === top)
  }
  const look = () => {
    const below = [...document.querySelectorAll('.suggest-preview-text .view-line')]
    texts.add([lineAtCursor(), ...below].map((line) => line?.textContent).join('\\n'))
    window.watchedFrames.next = requestAnimationFrame(look)
  }
  window.watchedFrames = { texts, next: 0 }
  look()`

// One frame more, for what the last key has painted.
const readFrames = `
  new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => {
    cancelAnimationFrame(window.watchedFrames.next)
    resolve([...window.watchedFrames.texts])
  })))`

// A message posted from a frame arrives when the frame is done.
const watchKeys = `
  const watched = { latencies: [], onKey: ({ timeStamp }) => requestAnimationFrame(() => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      watched.latencies.push(performance.now() - timeStamp)
      port1.close()
    }
    port2.postMessage(undefined)
  }) }
  window.watchedKeys = watched
  window.addEventListener('keydown', watched.onKey, { capture: true })
  undefined`

const readKeys = `
  new Promise((resolve) => setTimeout(() => {
    window.removeEventListener('keydown', window.watchedKeys.onKey, { capture: true })
    resolve(window.watchedKeys.latencies)
  }, 200))`

async function opened(page: Page): Promise<void> {
  await page.locator('.monaco-workbench').waitFor({ timeout: 60_000 })
  await page.locator('.statusbar-item').first().waitFor({ timeout: 60_000 })
}

/** Looks again and again until a value fits; the error tells the last one. */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  fits: (value: T) => boolean,
  limitMs: number,
): Promise<T> {
  const deadline = Date.now() + limitMs
  for (;;) {
    const value = await look()
    if (fits(value)) return value
    if (Date.now() > deadline)
      throw new Error(`no ${what} within ${limitMs / 1000} s; last seen: ${JSON.stringify(value)}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
