// Errors found far from the file that causes them: code that checks values knows no path, whoever opened the file does.
import { EngineError } from '../protocol/errors'

/** Runs `work`. An error that says a model is damaged or not supported leaves with the name of its file in front. */
export async function aboutFile<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (
      !(error instanceof EngineError) ||
      !aboutModels.includes(error.code) ||
      error.message.includes(file)
    ) {
      throw error
    }
    throw new EngineError(error.code, `${file}: ${error.message}`, {
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      cause: error,
    })
  }
}

const aboutModels: readonly string[] = ['bad-file', 'unsupported-arch']
