// How many threads work on jobs of one kind: whatever was fastest when measured on this machine, measured again and again.

/** Milliseconds of counted work per number of threads until they are compared. */
const trialTime = 30
/** Milliseconds of work before another number has its turn: a busy system disturbs all of them alike. */
const turnTime = 4
/** Jobs at the start of a turn that do not count: threads wake, and what they need comes nearer. */
const settling = 2
/** Milliseconds of work from one trial to the next; twice as many each time, because kernels still compile during the first. */
const shortestPause = 250
const longestPause = 8000
/** Milliseconds of work over which speed is compared with that of the trial, and the part of it that is too little. */
const recentTime = 100
const tooSlow = 0.7
/** What more threads must gain, at least: others may need the processors. */
const worthIt = 1.1

interface Tally {
  readonly threads: number
  products: number
  time: number
}

export class ThreadChoice {
  #trial: Tally[] | undefined
  #turn = 0
  #turnStarted = 0
  #jobsOfTurn = 0
  /** Milliseconds of work since the first job. */
  #worked = 0
  #pause = shortestPause
  #nextTrial = 0
  #chosen: { readonly threads: number; readonly speed: number }
  #recent = { products: 0, time: 0 }

  /** `counts` are the numbers of threads to choose from, ascending. */
  constructor(private readonly counts: readonly number[]) {
    this.#chosen = { threads: counts[0] ?? 1, speed: 0 }
    this.#start()
  }

  /** How many threads the next job takes. */
  get threads(): number {
    return this.#trial?.[this.#turn]?.threads ?? this.#chosen.threads
  }

  /** What a job of `threads` threads took: `time` milliseconds for `products` multiplications. */
  record(products: number, time: number): void {
    this.#worked += time
    if (this.#trial) this.#recordTrial(this.#trial, products, time)
    else this.#recordChosen(products, time)
  }

  #recordTrial(trial: Tally[], products: number, time: number): void {
    const tally = trial[this.#turn]!
    if (this.#jobsOfTurn++ >= settling) {
      tally.products += products
      tally.time += time
    }
    if (this.#worked - this.#turnStarted < turnTime || this.#jobsOfTurn <= settling) return
    this.#turn = (this.#turn + 1) % trial.length
    this.#turnStarted = this.#worked
    this.#jobsOfTurn = 0
    if (this.#turn > 0 || trial.some((each) => each.time < trialTime)) return
    this.#trial = undefined
    this.#chosen = fastest(trial)
    this.#recent = { products: 0, time: 0 }
    this.#nextTrial = this.#worked + this.#pause
    this.#pause = Math.min(2 * this.#pause, longestPause)
  }

  #recordChosen(products: number, time: number): void {
    const recent = this.#recent
    recent.products += products
    recent.time += time
    if (recent.time >= recentTime) {
      const slower = recent.products / recent.time < tooSlow * this.#chosen.speed
      this.#recent = { products: 0, time: 0 }
      if (slower) {
        this.#pause = shortestPause
        this.#start()
        return
      }
    }
    if (this.#worked >= this.#nextTrial) this.#start()
  }

  #start(): void {
    if (this.counts.length < 2) return
    this.#trial = this.counts.map((threads) => ({ threads, products: 0, time: 0 }))
    this.#turn = 0
    this.#turnStarted = this.#worked
    this.#jobsOfTurn = 0
  }
}

function fastest(trial: readonly Tally[]): { threads: number; speed: number } {
  return trial
    .map(({ threads, products, time }) => ({ threads, speed: products / time }))
    .reduce((best, each) => (each.speed > best.speed * worthIt ? each : best))
}
