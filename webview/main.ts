// The page starts here: state in, drawing out, the user's actions to the host.
import { connect } from './bridge'
import { createView } from './render'
import { emptyState, reduce, type ViewState } from './state'
import './style.css'

// Every save crosses to the host and its disk.
const saveAfterMs = 300

const bridge = connect()
let state: ViewState = emptyState
let draft = bridge.load()?.draft ?? ''
let saving: number | undefined
let frame: number | undefined

const root = document.createElement('main')
document.body.append(root)

const view = createView(root, {
  send: (text) => bridge.post({ type: 'send', text }),
  stop: () => bridge.post({ type: 'stop' }),
  retry: (id) => bridge.post({ type: 'retry', id }),
  copy: (text) => bridge.post({ type: 'copy', text }),
  insert: (text) => bridge.post({ type: 'insert', text }),
  openLink: (href) => bridge.post({ type: 'open-link', href }),
  run: (command) => bridge.post({ type: 'run', command }),
  draftChanged: (text) => {
    draft = text
    // What was sent must not come back as a draft, however soon the page is closed.
    if (text === '') save()
    else saving ??= window.setTimeout(save, saveAfterMs)
  },
})

bridge.listen((message) => {
  state = reduce(state, message)
  if (message.type === 'focus') view.focus()
  // Several messages may arrive within one frame; drawing once is enough.
  frame ??= requestAnimationFrame(draw)
})
window.addEventListener('pagehide', save)
view.setDraft(draft)
draw()
bridge.post({ type: 'ready' })

function draw(): void {
  frame = undefined
  view.render(state)
}

function save(): void {
  clearTimeout(saving)
  saving = undefined
  bridge.save({ draft })
}
