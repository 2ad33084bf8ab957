// The page starts here: state in, drawing out, the user's actions to the host.
import { connect } from './bridge'
import { createView } from './render'
import { emptyState, reduce, type ViewState } from './state'
import './style.css'

const bridge = connect()
const saved = bridge.load()
let state: ViewState = { ...emptyState, messages: saved?.messages ?? [] }
let draft = saved?.draft ?? ''
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
    save()
  },
})

bridge.listen((message) => {
  state = reduce(state, message)
  if (message.type === 'focus') view.focus()
  if (message.type !== 'delta') save()
  // Several messages may arrive within one frame; drawing once is enough.
  frame ??= requestAnimationFrame(draw)
})
view.setDraft(draft)
draw()
bridge.post({ type: 'ready' })

function draw(): void {
  frame = undefined
  view.render(state)
}

function save(): void {
  bridge.save({ messages: [...state.messages], draft })
}
