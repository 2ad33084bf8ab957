// A Jinja template from a file that nobody vouches for: one that does not come to an end is stopped.
import { Template } from '@huggingface/jinja'
import vm from 'node:vm'
import { EngineError } from '../protocol/errors'

/** A thousand messages take a template milliseconds. */
const mostMs = 2000

export class BoundedTemplate {
  readonly #template: Template
  readonly #script = new vm.Script('render()')
  readonly #globals: { render: () => void } = { render: () => undefined }
  readonly #context = vm.createContext(this.#globals)

  /** Throws what the parser finds wrong. */
  constructor(source: string) {
    this.#template = new Template(source)
  }

  /** Throws what the template raises, or `bad-request` when it was stopped. */
  render(variables: Readonly<Record<string, unknown>>): string {
    let text = ''
    this.#globals.render = () => {
      text = this.#template.render(variables)
    }
    // Every loop ends with what it runs over, and four in each other outlive everybody. Only a script can be stopped while it runs.
    try {
      this.#script.runInContext(this.#context, { timeout: mostMs })
    } catch (error) {
      if (!isTimeout(error)) throw error
      throw new EngineError(
        'bad-request',
        `The model's chat template did not come to an end within ${mostMs / 1000} seconds.`,
        { hint: 'Choose another model, or download this one from somebody else.' },
      )
    }
    return text
  }
}

// It comes from the script's own realm, where no `instanceof` finds it.
function isTimeout(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT'
}
