// Loads the built chat page into a real Chromium, under the policy the extension gives it, with VS Code's API played by the test.
import { mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { chatHtml } from '../../extension/chat-html'
import type { FromView, ToView } from '../../engine/protocol/webview'
import { themes, type ThemeName } from './themes'

// playwright-core is installed beside other heavy tools, where the compiler does not look for its types;
// these are the few members the tests use.
export interface Locator {
  click(): Promise<void>
  focus(): Promise<void>
  count(): Promise<number>
  first(): Locator
  last(): Locator
  nth(index: number): Locator
  locator(selector: string): Locator
  textContent(): Promise<string | null>
  innerText(): Promise<string>
  inputValue(): Promise<string>
  getAttribute(name: string): Promise<string | null>
  isVisible(): Promise<boolean>
  waitFor(options?: { state?: 'attached' | 'detached' | 'visible' | 'hidden' }): Promise<void>
  fill(text: string): Promise<void>
}
export interface Page {
  locator(selector: string): Locator
  keyboard: { press(key: string): Promise<void>; type(text: string): Promise<void> }
  evaluate(expression: string): Promise<unknown>
  waitForFunction(expression: string): Promise<unknown>
  screenshot(options: { path: string }): Promise<unknown>
}
interface Route {
  request(): { url(): string }
  fulfill(answer: { status?: number; contentType?: string; body?: string | Buffer }): Promise<void>
}
interface Context {
  newPage(): Promise<LaunchedPage>
  close(): Promise<void>
}
interface LaunchedPage extends Page {
  route(pattern: string, handler: (route: Route) => Promise<void>): Promise<void>
  addInitScript(script: string): Promise<void>
  goto(url: string): Promise<unknown>
  on(event: 'console', handler: (message: { type(): string; text(): string }) => void): void
  on(event: 'pageerror', handler: (error: Error) => void): void
}
interface Browser {
  newContext(options: object): Promise<Context>
  close(): Promise<void>
}
interface Playwright {
  chromium: { launch(options: { executablePath: string; args: string[] }): Promise<Browser> }
}

const origin = 'http://hearth.test'
const files: Record<string, string> = { '/webview.js': 'text/javascript', '/webview.css': 'text/css' }
const chromiumFlags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
  '--disable-quic',
]

export interface OpenOptions {
  theme?: ThemeName
  /** What `getState` returns, as after a reload. */
  saved?: unknown
  reducedMotion?: boolean
  width?: number
  height?: number
}

/** One chat page and everything it said. */
export interface ChatPage {
  page: Page
  /** What the page posted to the host, without `ready`. */
  posted(): Promise<FromView[]>
  /** Delivers messages of the host and waits until they are drawn. */
  send(...messages: ToView[]): Promise<void>
  savedState(): Promise<unknown>
  /** How often the page saved its state. */
  saves(): Promise<unknown>
  /** Policy violations, console errors and page errors so far. */
  complaints(): Promise<string[]>
  /** Picture for people, in test/screenshots. */
  screenshot(name: string): Promise<void>
  close(): Promise<void>
}

export interface Chromium {
  open(options?: OpenOptions): Promise<ChatPage>
  close(): Promise<void>
}

export async function launchChromium(): Promise<Chromium> {
  const require = createRequire(path.join(process.cwd(), 'test/tools/package.json'))
  const { chromium } = require('playwright-core') as Playwright
  const browser = await chromium.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    args: chromiumFlags,
  })
  return { open: (options = {}) => open(browser, options), close: () => browser.close() }
}

async function open(browser: Browser, options: OpenOptions): Promise<ChatPage> {
  const { theme = 'dark', saved, reducedMotion = false, width = 360, height = 720 } = options
  const context = await browser.newContext({
    viewport: { width, height },
    reducedMotion: reducedMotion ? 'reduce' : 'no-preference',
  })
  const page = await context.newPage()
  const errors: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') errors.push(message.text())
  })
  page.on('pageerror', (error) => errors.push(error.message))
  await page.route('**/*', serve)
  await page.addInitScript(hostScript(theme, saved))
  await page.goto(`${origin}/`)
  await page.waitForFunction(`window.posted.some((message) => message.type === 'ready')`)
  return {
    page,
    posted: async () =>
      ((await page.evaluate('window.posted')) as FromView[]).filter((message) => message.type !== 'ready'),
    send: async (...messages) => {
      await page.evaluate(
        `(${JSON.stringify(messages)}).forEach((data) => window.dispatchEvent(new MessageEvent('message', { data })))`,
      )
      await page.evaluate(
        'new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())))',
      )
    },
    savedState: () => page.evaluate('window.savedState'),
    saves: () => page.evaluate('window.saves'),
    complaints: async () => [...((await page.evaluate('window.violations')) as string[]), ...errors],
    close: () => context.close(),
    screenshot: async (name) => {
      mkdirSync('test/screenshots', { recursive: true })
      await page.screenshot({ path: `test/screenshots/${name}.png` })
    },
  }
}

// No server and no network: the browser's requests are answered here.
async function serve(route: Route): Promise<void> {
  const { pathname } = new URL(route.request().url())
  const contentType = files[pathname]
  if (pathname === '/') {
    const body = chatHtml({
      nonce: 'r4nd0m',
      styleNonce: 'r4nd0mStyle',
      cspSource: origin,
      scriptUri: `${origin}/webview.js`,
      styleUri: `${origin}/webview.css`,
    })
    await route.fulfill({ contentType: 'text/html', body })
  } else if (contentType !== undefined) {
    await route.fulfill({ contentType, body: readFileSync(path.join('dist', pathname)) })
  } else {
    await route.fulfill({ status: 404, body: '' })
  }
}

// VS Code puts the theme on the root element and its kind on the body, styles a few elements, and hands out the API once.
function hostScript(theme: ThemeName, saved: unknown): string {
  const { kind, colors } = themes[theme]
  return `
    window.posted = []
    window.saves = 0
    window.violations = []
    window.savedState = ${JSON.stringify(saved) ?? 'undefined'}
    document.addEventListener('securitypolicyviolation', (event) =>
      window.violations.push(event.violatedDirective + ' blocked ' + event.blockedURI))
    window.acquireVsCodeApi = () => {
      delete window.acquireVsCodeApi
      return {
        postMessage: (message) => window.posted.push(structuredClone(message)),
        getState: () => window.savedState,
        setState: (state) => {
          window.saves++
          window.savedState = structuredClone(state)
        },
      }
    }
    const defaults = new CSSStyleSheet()
    defaults.replaceSync('code { background-color: rgb(90, 93, 94); border-radius: 4px; padding: 1px 3px }')
    document.addEventListener('DOMContentLoaded', () => {
      document.adoptedStyleSheets = [...document.adoptedStyleSheets, defaults]
      document.body.className = ${JSON.stringify(kind)}
      document.body.dataset.vscodeThemeKind = ${JSON.stringify(kind)}
      for (const [name, value] of Object.entries(${JSON.stringify(colors)}))
        document.documentElement.style.setProperty('--vscode-' + name, value)
    })`
}
