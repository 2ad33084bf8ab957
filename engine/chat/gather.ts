// Gathers a stream of small texts into few messages: a view cannot paint faster than it can be read.

export interface Gatherer {
  push(text: string): void
  /** Sends what is left, and stops the clock. */
  flush(): void
}

/** The first text goes out at once; later ones wait until `everyMs` milliseconds have passed since the last message. */
export function gather(everyMs: number, send: (text: string) => void): Gatherer {
  let held = ''
  let timer: NodeJS.Timeout | undefined
  const release = (): void => {
    timer = undefined
    if (held === '') return
    const text = held
    held = ''
    send(text)
    timer = setTimeout(release, everyMs)
  }
  return {
    push(text) {
      held += text
      if (timer === undefined) release()
    },
    flush() {
      clearTimeout(timer)
      release()
      clearTimeout(timer)
      timer = undefined
    },
  }
}
