// Two windows that save to one place of which each has a copy: nothing that was counted is lost.
import assert from 'node:assert/strict'
import { setTimeout as wait } from 'node:timers/promises'
import { SaveInFocus } from '../../extension/save-in-focus'

type Event = 'change' | 'focus' | 'blur' | 'wait' | 'now' | 'forget'

const rows: readonly { name: string; events: readonly Event[]; saves: number }[] = [
  { name: 'a change is saved later', events: ['change'], saves: 0 },
  { name: 'and then it is', events: ['change', 'wait'], saves: 1 },
  { name: 'changes are saved together', events: ['change', 'change', 'wait', 'wait'], saves: 1 },
  { name: 'each has its turn', events: ['change', 'wait', 'change', 'wait'], saves: 2 },
  { name: 'what is left is saved when the focus goes', events: ['change', 'blur', 'wait'], saves: 1 },
  { name: 'nothing is saved without a change', events: ['blur', 'focus', 'now', 'wait'], saves: 0 },
  { name: 'without the focus a change waits', events: ['blur', 'change', 'wait'], saves: 0 },
  { name: 'until it is back', events: ['blur', 'change', 'focus', 'wait'], saves: 1 },
  { name: 'but not at once', events: ['blur', 'change', 'focus'], saves: 0 },
  { name: 'or until the window closes', events: ['blur', 'change', 'now'], saves: 1 },
  { name: 'what was forgotten is not saved', events: ['change', 'forget', 'wait', 'now'], saves: 0 },
]

describe('saving in focus', () => {
  for (const { name, events, saves } of rows) {
    it(name, async () => {
      let saved = 0
      const saving = new SaveInFocus(() => Promise.resolve(void saved++), 1, true)
      const act: Record<Event, () => unknown> = {
        change: () => saving.changed(),
        focus: () => saving.focusChanged(true),
        blur: () => saving.focusChanged(false),
        // Timers run in the order in which they are due, however late.
        wait: () => wait(10),
        now: () => saving.now(),
        forget: () => saving.forget(),
      }
      for (const event of events) await act[event]()
      assert.equal(saved, saves)
      saving.forget()
    })
  }

  it('the focus goes from window to window, and no count is lost', async () => {
    let stored = 0
    // What others wrote is heard of a while later.
    const open = (focused: boolean): { saving: SaveInFocus; count: () => void; hear: () => void } => {
      let [copy, more] = [stored, 0]
      const save = (): Promise<void> => {
        copy = stored = copy + more
        more = 0
        return Promise.resolve()
      }
      const saving = new SaveInFocus(save, 1, focused)
      const count = (): void => {
        more++
        saving.changed()
      }
      return { saving, count, hear: () => (copy = stored) }
    }
    const [a, b] = [open(true), open(false)]
    for (let turn = 0; turn < 6; turn++) {
      const [here, there] = turn % 2 === 0 ? [a, b] : [b, a]
      here.count()
      there.count()
      await here.saving.focusChanged(false)
      await there.saving.focusChanged(true)
      there.hear()
      await wait(10)
      here.hear()
    }
    await a.saving.now()
    b.hear()
    await b.saving.now()
    assert.equal(stored, 12)
  })
})
