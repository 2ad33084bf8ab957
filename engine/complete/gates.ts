// Gates that a request for ghost text passes before anything is computed for it.
import type { Settings } from '../protocol/settings'
import type { CompletionInput, CursorContext } from './context'

/** Why the model is not asked, in words for the log; undefined when it may be. Asking by hand passes those that only guard against noise. */
export function reasonNotToAsk(
  input: CompletionInput,
  context: CursorContext,
  settings: Settings['completion'],
): string | undefined {
  if ((context.prompt.prefix + context.prompt.typed).trim() === '') return 'there is nothing to go on'
  if (input.trigger === 'invoked') return undefined
  const { lineSuffix, before } = context
  if (!settings.enabled) return 'hearth.completion.enabled is off'
  if (!(settings.languages[input.languageId] ?? settings.languages['*'] ?? true))
    return `hearth.completion.languages turns ${input.languageId} off`
  if (before.trim() === '') return 'the document starts here'
  if (/[\p{L}\p{N}_$]$/u.test(before) && /^[\p{L}\p{N}_$]/u.test(lineSuffix))
    return 'the cursor is inside a word'
  return undefined
}
