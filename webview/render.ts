// Draws the state: whole messages once, and while an answer streams only its last block.
import type { ViewMessage } from '../engine/protocol/webview'
import { growBlocks, splitBlocks, type Block } from './blocks'
import { renderBlock } from './markdown'
import { banner, engineLine, footnote, isStreaming, type Banner, type ViewState } from './state'
import { createButton, createTextArea, type Button, type TextArea } from './toolkit'

/** What the user can do. */
export interface Actions {
  send(text: string): void
  stop(): void
  retry(id: string): void
  copy(text: string): void
  insert(text: string): void
  openLink(href: string): void
  run(command: 'restart-engine' | 'show-log' | 'select-model'): void
  draftChanged(text: string): void
}

export interface View {
  render(state: ViewState): void
  focus(): void
  setDraft(text: string): void
}

const examples = [
  'Write a function that checks whether a string is a palindrome.',
  'What is the difference between a list and a tuple in Python?',
  'Show me how to read a file line by line in TypeScript.',
]

// Within this many pixels of the end the user is following the answer.
const followMargin = 32
const maxRows = 8

/** Builds the page below `root` once; everything after is patches. */
export function createView(root: HTMLElement, actions: Actions): View {
  const bannerSlot = element('div', { class: 'banner-slot', role: 'status' })
  const log = element('div', {
    class: 'log',
    role: 'log',
    'aria-live': 'polite',
    'aria-label': 'Conversation',
    tabindex: '0',
  })
  const turns = element('div', { class: 'turns' })
  log.append(turns)
  const empty = emptyPage((text) => actions.send(text))
  const latest = createButton('Jump to the latest text', {
    appearance: 'secondary',
    onClick: () => jump(),
  })
  latest.classList.add('latest')
  latest.hidden = true
  const composer = createComposer(actions)
  root.append(bannerSlot, log, latest, composer.element)

  const drawn = new Map<string, MessageView>()
  let following = true
  const jump = (): void => {
    following = true
    scrollToEnd()
  }
  let shownBanner: string | undefined
  let streaming = false

  let lastTop = 0
  const scrollToEnd = (): void => {
    if (following) log.scrollTop = log.scrollHeight
    lastTop = log.scrollTop
    latest.hidden = following || !streaming
  }
  log.addEventListener('scroll', () => {
    // Only moving up ends the following: text that grows also widens the gap, but does not move.
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < followMargin
    if (atEnd || log.scrollTop < lastTop) following = atEnd
    lastTop = log.scrollTop
    latest.hidden = following || !streaming
  })
  // Toolkit elements and the question box get their size some time after they were drawn.
  const resized = new ResizeObserver(scrollToEnd)
  resized.observe(log)
  resized.observe(turns)
  log.addEventListener('click', (event) => openLink(event, actions))
  root.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && streaming) actions.stop()
  })

  return {
    render(state) {
      streaming = isStreaming(state)
      shownBanner = drawBanner(bannerSlot, banner(state), shownBanner, actions)
      drawMessages(turns, state.messages, drawn, empty, actions)
      // A screen reader should read an answer, not its single words.
      log.setAttribute('aria-busy', String(streaming))
      composer.update(streaming, engineLine(state))
      scrollToEnd()
    },
    focus: () => composer.focus(),
    setDraft: (text) => composer.setDraft(text),
  }
}

interface MessageView {
  element: HTMLElement
  update(message: ViewMessage): void
}

function drawMessages(
  turns: HTMLElement,
  messages: readonly ViewMessage[],
  drawn: Map<string, MessageView>,
  empty: HTMLElement,
  actions: Actions,
): void {
  const ids = new Set(messages.map((message) => message.id))
  for (const [id, view] of drawn) {
    if (ids.has(id)) continue
    view.element.remove()
    drawn.delete(id)
  }
  for (const message of messages) {
    let view = drawn.get(message.id)
    if (view === undefined) {
      view = createMessage(message, actions)
      drawn.set(message.id, view)
      turns.append(view.element)
    }
    view.update(message)
  }
  if (messages.length === 0) turns.append(empty)
  else empty.remove()
}

function createMessage(first: ViewMessage, actions: Actions): MessageView {
  const isUser = first.role === 'user'
  const body = element('div', { class: 'body' })
  const foot = element('div', { class: 'foot' })
  const article = element('article', {
    class: `message ${first.role}`,
    'aria-label': isUser ? 'You' : 'Hearth',
  })
  article.append(element('h2', { class: 'who' }, isUser ? 'You' : 'Hearth'), body, foot)
  let shown: ViewMessage | undefined
  let blocks: Block[] = []
  return {
    element: article,
    update(message) {
      if (message === shown) return
      const grew = shown !== undefined && shown.text !== '' && message.text.startsWith(shown.text)
      if (message.text !== shown?.text) {
        const next = grew ? growBlocks(blocks, message.text) : splitBlocks(message.text)
        patchBlocks(body, blocks, next, actions)
        blocks = next
      }
      if (message.state !== shown?.state) drawFoot(foot, message, actions)
      article.classList.toggle('streaming', message.state === 'streaming')
      // Waiting for the first word is the only time when nothing else shows that work is going on.
      const waiting = message.state === 'streaming' && message.text === ''
      const dots = body.querySelector(':scope > .waiting')
      if (waiting && dots === null) body.append(waitingDots())
      if (!waiting) dots?.remove()
      shown = message
    },
  }
}

function patchBlocks(
  body: HTMLElement,
  old: readonly Block[],
  next: readonly Block[],
  actions: Actions,
): void {
  const elements = [...body.querySelectorAll<HTMLElement>(':scope > .block')]
  next.forEach((block, index) => {
    const before = old[index]
    const current = elements[index]
    if (current === undefined) body.append(createBlock(block, actions))
    else if (before?.source !== block.source || before.language !== block.language)
      patchBlock(current, before, block, actions)
  })
  for (const extra of elements.slice(next.length)) extra.remove()
}

function patchBlock(current: HTMLElement, before: Block | undefined, block: Block, actions: Actions): void {
  const code = current.querySelector('pre')
  const fresh = block.language === undefined ? null : renderBlock(block).querySelector('pre')
  // A growing code block keeps its header, so that a focused Copy button stays focused.
  if (code !== null && fresh !== null && before?.language === block.language) code.replaceWith(fresh)
  else current.replaceWith(createBlock(block, actions))
}

function createBlock(block: Block, actions: Actions): HTMLElement {
  const container = element('div', { class: 'block' })
  container.append(renderBlock(block))
  if (block.language !== undefined) {
    container.classList.add('code')
    container.prepend(codeHeader(block.language, container, actions))
  }
  return container
}

function codeHeader(language: string, container: HTMLElement, actions: Actions): HTMLElement {
  const text = (): string => container.querySelector('code')?.textContent.replace(/\n$/, '') ?? ''
  const copy: Button = createButton('Copy', {
    appearance: 'secondary',
    label: 'Copy this code',
    onClick: () => {
      actions.copy(text())
      copy.textContent = 'Copied'
      setTimeout(() => (copy.textContent = 'Copy'), 1500)
    },
  })
  const insert = createButton('Insert', {
    appearance: 'secondary',
    label: 'Insert this code at the cursor',
    onClick: () => actions.insert(text()),
  })
  const header = element('div', { class: 'code-header' })
  header.append(language === '' ? element('span') : element('span', { class: 'tag' }, language), copy, insert)
  return header
}

function drawFoot(foot: HTMLElement, message: ViewMessage, actions: Actions): void {
  foot.replaceChildren()
  if (message.state === 'error') {
    foot.append(
      element('p', { class: 'error', role: 'alert' }, message.error ?? 'The answer failed.'),
      createButton('Retry', { appearance: 'primary', onClick: () => actions.retry(message.id) }),
    )
  } else if (message.state === 'done') {
    const note = footnote(message)
    if (note !== '') foot.append(element('p', { class: 'note' }, note))
  }
}

function drawBanner(
  slot: HTMLElement,
  next: Banner | undefined,
  shown: string | undefined,
  actions: Actions,
): string {
  const key = JSON.stringify(next) ?? ''
  if (key === shown) return key
  slot.replaceChildren()
  if (next === undefined) return key
  const box = element('div', { class: `banner ${next.kind}` })
  box.append(element('p', {}, next.text))
  if (next.kind === 'error') {
    const buttons = element('div', { class: 'buttons' })
    buttons.append(
      createButton('Restart Engine', { appearance: 'primary', onClick: () => actions.run('restart-engine') }),
      createButton('Select Model', { appearance: 'secondary', onClick: () => actions.run('select-model') }),
      createButton('Show Log', { appearance: 'secondary', onClick: () => actions.run('show-log') }),
    )
    box.append(buttons)
  } else {
    // Without a value the browser shows that the end is unknown.
    const bar = element('progress', { 'aria-label': next.text })
    if (next.progress !== undefined) bar.setAttribute('value', String(next.progress))
    box.append(bar)
  }
  slot.append(box)
  return key
}

interface Composer {
  element: HTMLElement
  update(streaming: boolean, engine: string): void
  focus(): void
  setDraft(text: string): void
}

function createComposer(actions: Actions): Composer {
  const area: TextArea = createTextArea('Ask Hearth', 'Ask about code. Enter sends, Shift+Enter adds a line.')
  const send = createButton('Send', { appearance: 'primary', onClick: () => submit() })
  const stop = createButton('Stop', {
    appearance: 'secondary',
    label: 'Stop the answer (Escape)',
    onClick: () => actions.stop(),
  })
  const info = element('span', { class: 'engine' })
  const row = element('div', { class: 'row' })
  row.append(info, stop, send)
  const form = element('div', { class: 'composer', role: 'group', 'aria-label': 'Question' })
  form.append(area, row)
  let streaming = false

  const grow = (): void => {
    const rows = area.value.split('\n').length
    area.setAttribute('rows', String(Math.min(maxRows, Math.max(2, rows))))
    send.disabled = streaming || area.value.trim() === ''
  }
  const setDraft = (text: string): void => {
    area.value = text
    grow()
  }
  // Sending is off while an answer streams: the words stay in the box, nothing is lost.
  const submit = (): void => {
    const text = area.value.trim()
    if (streaming || text === '') return
    setDraft('')
    actions.draftChanged('')
    actions.send(text)
  }
  area.addEventListener('input', () => {
    grow()
    actions.draftChanged(area.value)
  })
  area.addEventListener('keydown', (event) => {
    // While an input method composes a character, Enter chooses it.
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
    event.preventDefault()
    submit()
  })
  return {
    element: form,
    update(isStreamingNow, engine) {
      const hadFocus = document.activeElement === stop
      streaming = isStreamingNow
      stop.hidden = !streaming
      send.hidden = streaming
      info.textContent = engine
      // The side bar is narrow; the whole line is one hover away.
      info.title = engine
      grow()
      if (hadFocus && stop.hidden) area.focus()
    },
    focus: () => area.focus(),
    setDraft,
  }
}

function emptyPage(ask: (text: string) => void): HTMLElement {
  const page = element('div', { class: 'empty' })
  page.append(
    element('h2', {}, 'Ask about code'),
    element('p', {}, 'Answers come from a small model on this machine. Nothing you write leaves it.'),
  )
  const list = element('ul', { 'aria-label': 'Examples' })
  for (const example of examples) {
    const item = element('li')
    item.append(createButton(example, { appearance: 'secondary', onClick: () => ask(example) }))
    list.append(item)
  }
  page.append(list)
  return page
}

function waitingDots(): HTMLElement {
  const dots = element('div', { class: 'waiting', role: 'img', 'aria-label': 'Waiting for the answer' })
  dots.append(element('span'), element('span'), element('span'))
  return dots
}

// Links are opened by the host, which checks them once more.
function openLink(event: MouseEvent, actions: Actions): void {
  const link = event.target instanceof Element ? event.target.closest('a') : null
  if (link === null) return
  event.preventDefault()
  actions.openLink(link.href)
}

function element(name: string, attributes: Record<string, string> = {}, text?: string): HTMLElement {
  const created = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) created.setAttribute(key, value)
  if (text !== undefined) created.textContent = text
  return created
}
