// The chat page as a user meets it: real Chromium, the extension's own policy, real keys.
import assert from 'node:assert/strict'
import type { EngineStatus } from '../../engine/protocol/messages'
import type { FromView, ToView, ViewMessage } from '../../engine/protocol/webview'
import { launchChromium, type ChatPage, type Chromium, type OpenOptions } from './chromium'
import { themes, type ThemeName } from './themes'

const ready: EngineStatus = {
  state: 'ready',
  model: 'smollm2-135m-instruct',
  device: 'webgpu: llvmpipe (software)',
  deviceReason: 'hearth.device is auto',
  tokensPerSecond: 31.4,
  message: '',
}

const answer = [
  'A **palindrome** reads the same both ways:',
  '',
  '```python',
  'def is_palindrome(text: str) -> bool:',
  '    """Ignores case."""',
  '    text = text.lower()',
  '    return text == text[::-1]  # 0 copies saved',
  '```',
  '',
  '- `lower()` makes it *case-blind*',
  '- `[::-1]` reverses',
  '',
  'See [the docs](https://docs.python.org/3/).',
].join('\n')

describe('chat page', () => {
  let chromium: Chromium
  let opened: ChatPage[] = []

  before(async () => {
    chromium = await launchChromium()
  })
  after(() => chromium.close())
  afterEach(async () => {
    for (const chat of opened) await chat.close()
    opened = []
  })

  async function open(options: OpenOptions = {}): Promise<ChatPage> {
    const chat = await chromium.open(options)
    opened.push(chat)
    return chat
  }

  it('offers three examples when empty, and asks what is clicked', async () => {
    const chat = await open()
    await chat.send({ type: 'conversation', messages: [] }, { type: 'status', status: ready })
    const examples = chat.page.locator('.empty vscode-button')
    assert.equal(await examples.count(), 3)
    const text = await examples.first().innerText()
    await examples.first().click()
    assert.deepEqual(await chat.posted(), [{ type: 'send', text }])
    assert.deepEqual(await chat.complaints(), [])
  })

  it('streams Markdown and draws only the last block anew', async () => {
    const chat = await open()
    await chat.send(...question('Palindromes?'))
    const cut = answer.indexOf('return')
    await chat.send({ type: 'delta', id: 'a', text: answer.slice(0, cut) })
    await chat.page.evaluate(`document.querySelector('.assistant .block').mark = 'kept'`)
    await chat.page.evaluate(`document.querySelector('.assistant .code-header').mark = 'kept'`)
    for (const text of pieces(answer.slice(cut), 7)) await chat.send({ type: 'delta', id: 'a', text })
    await chat.send(done('a'))
    const marks = await chat.page.evaluate(
      `['.block', '.code-header'].map((name) => document.querySelector('.assistant ' + name).mark)`,
    )
    assert.deepEqual(marks, ['kept', 'kept'])

    const streamed = await chat.page.locator('.assistant .body').innerText()
    const whole = await open()
    await whole.send({ type: 'conversation', messages: [message('a', 'assistant', answer)] })
    assert.equal(streamed, await whole.page.locator('.assistant .body').innerText())
    assert.equal(await chat.page.locator('.assistant strong').innerText(), 'palindrome')
    assert.equal(await chat.page.locator('.assistant li').count(), 2)
    assert.ok((await chat.page.locator('.assistant .hljs-keyword').count()) >= 2)
    assert.match(await chat.page.locator('.assistant .note').innerText(), /64 tokens, 32\.0 per second/)
    assert.deepEqual(await chat.complaints(), [])
  })

  it('copies and inserts the code as it was written', async () => {
    const chat = await open()
    await chat.send({ type: 'conversation', messages: [message('a', 'assistant', answer)] })
    await chat.page.locator('.code-header vscode-button').first().click()
    await chat.page.locator('.code-header vscode-button').last().click()
    const code = answer.split('\n').slice(3, 7).join('\n')
    assert.deepEqual(await chat.posted(), [
      { type: 'copy', text: code },
      { type: 'insert', text: code },
    ])
    assert.equal(await chat.page.locator('.code-header vscode-button').first().innerText(), 'Copied')
  })

  it('works by keyboard alone', async () => {
    const chat = await open()
    await chat.send({ type: 'conversation', messages: [] }, { type: 'focus' })
    await chat.page.keyboard.type('first line')
    await chat.page.keyboard.press('Shift+Enter')
    await chat.page.keyboard.type('second line')
    await chat.page.keyboard.press('Enter')
    assert.deepEqual(await chat.posted(), [{ type: 'send', text: 'first line\nsecond line' }])
    assert.equal(await chat.page.locator('textarea').inputValue(), '')

    await chat.send(...question('first line\nsecond line'), { type: 'delta', id: 'a', text: answer })
    await chat.page.keyboard.type('the next question')
    await chat.page.keyboard.press('Enter')
    assert.equal(
      await chat.page.locator('textarea').inputValue(),
      'the next question',
      'kept while streaming',
    )
    await chat.page.keyboard.press('Escape')
    assert.deepEqual((await chat.posted()).slice(1), [{ type: 'stop' }])
    await chat.send(done('a', 'cancelled'))
    assert.match(await chat.page.locator('.note').innerText(), /Stopped/)
    await chat.page.keyboard.press('Enter')
    assert.deepEqual((await chat.posted()).slice(2), [{ type: 'send', text: 'the next question' }])
  })

  it('has a sane Tab order: conversation, code buttons, link, question box, send', async () => {
    const chat = await open()
    await chat.send(
      { type: 'conversation', messages: [message('a', 'assistant', answer)] },
      { type: 'focus' },
    )
    await chat.page.keyboard.type('x')
    const order: unknown[] = []
    for (let i = 0; i < 7; i++) {
      order.push(await chat.page.evaluate(focusName))
      await chat.page.keyboard.press('Shift+Tab')
    }
    assert.deepEqual(order.slice(0, 6), [
      'Ask Hearth',
      'https://docs.python.org/3/',
      // A block wider than the view can be scrolled by keyboard.
      'code',
      'Insert this code at the cursor',
      'Copy this code',
      'Conversation',
    ])
    await chat.send({ type: 'focus' })
    await chat.page.keyboard.press('Tab')
    assert.equal(await chat.page.evaluate(focusName), 'Send')
  })

  it('the Stop button takes the place of Send while an answer streams', async () => {
    const chat = await open()
    await chat.send(...question('Why?'))
    assert.equal(await chat.page.locator('.assistant .waiting').count(), 1)
    assert.equal(await visibleButtons(chat), 'Stop')
    await chat.page.locator('.composer vscode-button').first().click()
    assert.deepEqual(await chat.posted(), [{ type: 'stop' }])
    await chat.send(done('a', 'cancelled'))
    assert.equal(await chat.page.locator('.assistant .waiting').count(), 0)
    assert.equal(await visibleButtons(chat), 'Send')
  })

  it('shows a failed answer with its next step and a retry', async () => {
    const chat = await open()
    await chat.send(...question('Why?'), {
      type: 'error',
      id: 'a',
      error: 'Out of memory. Choose a smaller model.',
    })
    assert.equal(
      await chat.page.locator('.foot .error').innerText(),
      'Out of memory. Choose a smaller model.',
    )
    await chat.page.locator('.foot vscode-button').click()
    assert.deepEqual(await chat.posted(), [{ type: 'retry', id: 'a' }])
    await chat.send({ type: 'conversation', messages: [message('q', 'user', 'Why?'), streaming('a')] })
    assert.equal(await chat.page.locator('.foot .error').count(), 0)
  })

  const banners: [state: EngineStatus['state'], progress: number | undefined, shown: RegExp | undefined][] = [
    ['ready', undefined, undefined],
    ['busy', undefined, undefined],
    ['starting', undefined, /12 of 98 MB/],
    ['downloading', 0.12, /12 of 98 MB/],
    ['loading', 0.5, /12 of 98 MB/],
    ['error', undefined, /12 of 98 MB[^]*Restart Engine[^]*Select Model[^]*Show Log/],
  ]
  for (const [state, progress, shown] of banners) {
    it(`banner while ${state}`, async () => {
      const chat = await open()
      const status = {
        ...ready,
        state,
        message: '12 of 98 MB',
        ...(progress === undefined ? {} : { progress }),
      }
      await chat.send({ type: 'conversation', messages: [] }, { type: 'status', status })
      if (shown === undefined) assert.equal(await chat.page.locator('.banner').count(), 0)
      else assert.match(await chat.page.locator('.banner').innerText(), shown)
      if (progress !== undefined)
        assert.equal(await chat.page.locator('progress').getAttribute('value'), String(progress))
      if (state === 'error') {
        await chat.page.locator('.banner vscode-button').first().click()
        assert.deepEqual(await chat.posted(), [{ type: 'run', command: 'restart-engine' }])
      }
    })
  }

  it('shows the draft again after a reload; the conversation comes from the host', async () => {
    const first = await open()
    await first.send({ type: 'conversation', messages: [message('a', 'assistant', answer)] })
    await first.page.locator('textarea').fill('half a question')
    await draftSaved(first, 'half a question')
    assert.deepEqual(await first.savedState(), { draft: 'half a question' })
    const second = await open({ saved: await first.savedState() })
    assert.equal(await second.page.locator('textarea').inputValue(), 'half a question')
  })

  it('saves once for many keys, never for what the host says, and at once when sent', async () => {
    const chat = await open()
    await chat.send(...question('Why?'), { type: 'status', status: ready }, done('a'))
    assert.equal(await chat.saves(), 0)
    await chat.send({ type: 'focus' })
    await chat.page.keyboard.type('twenty keys or so')
    await draftSaved(chat, 'twenty keys or so')
    assert.ok(Number(await chat.saves()) <= 5, `${String(await chat.saves())} saves`)
    await chat.page.keyboard.press('Enter')
    assert.deepEqual(await chat.savedState(), { draft: '' })
  })

  it('fits a side bar of 300 pixels; what is cut off is one hover away', async () => {
    const chat = await open({ width: 300 })
    await chat.send({ type: 'conversation', messages: [message('a', 'assistant', answer)] })
    await chat.send({ type: 'status', status: { ...ready, state: 'error', message: 'x'.repeat(200) } })
    const engine = chat.page.locator('.engine')
    assert.equal(await engine.getAttribute('title'), 'smollm2-135m-instruct · webgpu: llvmpipe (software)')
    const wider = `document.documentElement.scrollWidth > innerWidth || document.querySelector('.log').scrollWidth > document.querySelector('.log').clientWidth`
    assert.equal(await chat.page.evaluate(wider), false, 'nothing must be scrolled sideways')
  })

  it('follows the answer, but stays put once the user scrolled up', async () => {
    const chat = await open({ height: 300 })
    const long = Array.from({ length: 40 }, (_, i) => `Paragraph ${i}.`).join('\n\n')
    const gap = `(({ scrollHeight, scrollTop, clientHeight }) => scrollHeight - scrollTop - clientHeight)(document.querySelector('.log'))`
    await chat.send(...question('Long?'), { type: 'delta', id: 'a', text: long })
    assert.ok(Number(await chat.page.evaluate(gap)) < 2, 'at the end')
    await chat.page.evaluate(`new Promise((done) => {
      const log = document.querySelector('.log')
      log.addEventListener('scroll', () => requestAnimationFrame(done), { once: true })
      log.scrollTop = 100
    })`)
    await chat.send({ type: 'delta', id: 'a', text: `\n\n${long}` })
    assert.equal(await chat.page.evaluate(`document.querySelector('.log').scrollTop`), 100)
    await chat.page.locator('.latest').click()
    assert.ok(Number(await chat.page.evaluate(gap)) < 2, 'at the end again')
    assert.equal(await chat.page.locator('.latest').isVisible(), false)
  })

  it('opens links through the host and never leaves the page', async () => {
    const chat = await open()
    await chat.send({ type: 'conversation', messages: [message('a', 'assistant', answer)] })
    await chat.page.locator('.assistant a').click()
    assert.deepEqual(await chat.posted(), [{ type: 'open-link', href: 'https://docs.python.org/3/' }])
    assert.equal(await chat.page.evaluate('location.href'), 'http://hearth.test/')
  })

  // One page for all: whatever one of them leaves behind, the next one finds.
  let shared: ChatPage | undefined
  const hostile: [name: string, markdown: string][] = [
    ['script element', '<script>window.owned = 1</script>'],
    ['image with handler', '<img src=x onerror="window.owned = 1">'],
    ['SVG with handler', '<svg onload="window.owned = 1"><script>window.owned = 1</script></svg>'],
    ['frame', '<iframe srcdoc="<script>parent.owned = 1</script>"></iframe>'],
    ['form', '<form action="https://evil.test"><button>Log in</button></form>'],
    ['style', '<style>* { display: none }</style><p style="position: fixed">x</p>'],
    [
      'javascript link',
      '[a](javascript:window.owned=1) [b](JaVaScRiPt:window.owned=1) [c](java&#115;cript:window.owned=1)',
    ],
    ['data link', '[a](data:text/html,<script>window.owned=1</script>)'],
    [
      'command link',
      '[a](command:workbench.action.terminal.new) [b](vscode://file/etc/passwd) [c](file:///etc/passwd)',
    ],
    ['autolink', '<javascript:window.owned=1>'],
    [
      'remote picture',
      '![a](https://evil.test/read.png) ![b](data:image/svg+xml,<svg/onload=window.owned=1>)',
    ],
    ['code block', '```html"><script>window.owned=1</script>\n<img src=x onerror=window.owned=1>\n```'],
    ['link title', '[a](https://ok.test "x\\" onmouseover=window.owned=1 y=\\"")'],
    [
      'base and meta',
      '<base href="https://evil.test/"><meta http-equiv="refresh" content="0;url=https://evil.test">',
    ],
    ['clobbering', '<a id="posted"></a><input name="acquireVsCodeApi">'],
  ]
  for (const [name, markdown] of hostile) {
    it(`hostile model output: ${name}`, async () => {
      const chat = (shared ??= await chromium.open())
      const texts = [markdown, `text ${markdown}`, `- ${markdown}`, `| a |\n|---|\n| ${markdown} |`]
      await chat.send({
        type: 'conversation',
        messages: texts.map((text, i) => message(String(i), 'assistant', text)),
      })
      await chat.send({ type: 'add', message: streaming('s') })
      for (const text of pieces(markdown, 3)) await chat.send({ type: 'delta', id: 's', text })
      for (const selector of ['.assistant a', '.assistant code'])
        await chat.page.evaluate(
          `document.querySelectorAll('${selector}').forEach((element) => element.click())`,
        )

      assert.equal(await chat.page.evaluate('typeof window.owned'), 'undefined')
      assert.equal(await chat.page.evaluate('location.href'), 'http://hearth.test/')
      assert.deepEqual(await chat.page.evaluate(foreignContent), [])
      for (const said of await chat.posted()) assert.ok(isWebLink(said), JSON.stringify(said))
      assert.deepEqual(await chat.complaints(), [], 'the policy had nothing to block: it never came that far')
    })
  }

  for (const theme of Object.keys(themes) as ThemeName[]) {
    it(`draws in ${theme}`, async () => {
      const chat = await open({ theme })
      await chat.send({ type: 'conversation', messages: [] }, { type: 'status', status: ready })
      await chat.screenshot(`chat-${theme}-empty`)
      const { colors } = themes[theme]
      const background = await chat.page.evaluate('getComputedStyle(document.body).backgroundColor')
      assert.equal(background, rgb(colors['sideBar-background'] ?? ''))
      const send = `getComputedStyle(document.querySelector('.composer vscode-button:last-child')).backgroundColor`
      assert.equal(
        await chat.page.evaluate(send),
        rgb(colors['button-background'] ?? ''),
        'the toolkit follows the theme',
      )

      await chat.send({ type: 'conversation', messages: [message('q0', 'user', 'Hello'), failed('a0')] })
      await chat.send(...question('Write a function that checks whether a string is a palindrome.'))
      await chat.send({ type: 'delta', id: 'a', text: `${answer}\n\nIt is als` })
      await chat.send({ type: 'focus' })
      await chat.screenshot(`chat-${theme}-streaming`)
      const code = `getComputedStyle(document.querySelector('pre > code')).backgroundColor`
      assert.equal(
        await chat.page.evaluate(code),
        'rgba(0, 0, 0, 0)',
        "VS Code's style for words is undone in blocks",
      )
      await chat.send({
        type: 'status',
        status: {
          ...ready,
          state: 'downloading',
          progress: 0.4,
          message: 'Downloading smollm2-135m-instruct: 39 of 98 MB, 4.1 MB/s',
        },
      })
      await chat.screenshot(`chat-${theme}-downloading`)
      await chat.send({
        type: 'status',
        status: {
          ...ready,
          state: 'error',
          message: 'No GPU adapter was found. Set "hearth.device" to cpu.',
        },
      })
      await chat.screenshot(`chat-${theme}-error`)
      assert.deepEqual(await chat.complaints(), [])
    })
  }

  it('does not move for people who asked for less motion', async () => {
    for (const [reducedMotion, animation] of [
      [true, 'none'],
      [false, 'blink'],
    ] as const) {
      const chat = await open({ reducedMotion })
      await chat.send(...question('Why?'), { type: 'delta', id: 'a', text: 'Because' })
      const cursor = `getComputedStyle(document.querySelector('.streaming .block p'), '::after').animationName`
      assert.equal(await chat.page.evaluate(cursor), animation)
    }
  })

  it('tells screen readers when an answer is complete', async () => {
    const chat = await open()
    const log = chat.page.locator('[role=log]')
    assert.equal(await log.getAttribute('aria-live'), 'polite')
    await chat.send(...question('Why?'))
    assert.equal(await log.getAttribute('aria-busy'), 'true')
    await chat.send(done('a'))
    assert.equal(await log.getAttribute('aria-busy'), 'false')
  })
})

// The label of the focused element, looking into shadow roots.
const focusName = `(() => {
  let element = document.activeElement
  while (element.shadowRoot?.activeElement && !element.hasAttribute('aria-label')) element = element.shadowRoot.activeElement
  if (element.tagName === 'PRE') return 'code'
  const name = element.getAttribute('aria-label') ?? element.getAttribute('href')
  return name ?? (element.getRootNode().host ?? element).textContent
})()`

// Elements and attributes in the answers that the page itself never makes.
const foreignContent = `(() => {
  const allowed = /^(H2|DIV|P|BR|HR|STRONG|EM|S|CODE|PRE|SPAN|A|UL|OL|LI|BLOCKQUOTE|TABLE|THEAD|TBODY|TR|TH|TD|VSCODE-BUTTON)$/
  const found = []
  for (const element of document.querySelectorAll('.message *')) {
    if (!allowed.test(element.tagName)) found.push(element.tagName)
    for (const { name, value } of element.attributes) {
      if (/^on|^style$|^src|^id$|^name$/.test(name)) found.push(element.tagName + ' ' + name)
      if (name === 'href' && !/^https?:/.test(value)) found.push('href ' + value)
    }
  }
  return found
})()`

function isWebLink(said: FromView): boolean {
  return said.type === 'open-link' && /^https?:/.test(said.href)
}

async function draftSaved(chat: ChatPage, draft: string): Promise<void> {
  while (JSON.stringify(await chat.savedState()) !== JSON.stringify({ draft })) {
    // The page saves after a pause in its own time; mocha ends a wait that is in vain.
    await chat.page.evaluate('new Promise((done) => setTimeout(done, 20))')
  }
}

function question(text: string): ToView[] {
  return [
    { type: 'add', message: message('q', 'user', text) },
    { type: 'add', message: streaming('a') },
  ]
}

function message(id: string, role: ViewMessage['role'], text: string): ViewMessage {
  return { id, role, text, state: 'done' }
}

function streaming(id: string): ViewMessage {
  return { id, role: 'assistant', text: '', state: 'streaming' }
}

function failed(id: string): ViewMessage {
  const error = 'The engine stopped while it was answering. It starts again by itself; then try again.'
  return { id, role: 'assistant', text: '', state: 'error', error }
}

function done(id: string, finishReason: 'stop' | 'cancelled' = 'stop'): ToView {
  const usage = { promptTokens: 20, reusedTokens: 0, completionTokens: 64, prefillMs: 100, decodeMs: 2000 }
  return { type: 'done', id, finishReason, usage, droppedMessages: 0 }
}

function pieces(text: string, size: number): string[] {
  return text.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? []
}

async function visibleButtons(chat: ChatPage): Promise<unknown> {
  return chat.page.evaluate(
    `[...document.querySelectorAll('.composer vscode-button')].filter((b) => b.offsetParent !== null).map((b) => b.textContent).join()`,
  )
}

function rgb(hex: string): string {
  const [red, green, blue] = [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16))
  return `rgb(${red}, ${green}, ${blue})`
}
