// From arguments to a command's exit code: cac reads the words, the command does the work, errors become two lines.
import { cac, type CAC } from 'cac'
import { version } from '../../package.json'
import { EngineError, toWire } from '../protocol/errors'
import { commands, type Command, type CommandContext } from './commands'
import { describeExitCodes, exitCodeOf, exitCodes } from './exit-codes'
import { inOptions, keyOf, optionRows, type RawOptions } from './options'

/** Runs `hearth <argv>`. Never rejects. */
export async function runCli(argv: readonly string[], context: CommandContext): Promise<number> {
  try {
    return await dispatch(argv, context)
  } catch (error) {
    const code = exitCodeOf(error)
    if (code !== exitCodes.interrupted.code) await tellError(error, argv.includes('--json'), context)
    return code
  } finally {
    context.terminal.endProgress()
  }
}

async function dispatch(argv: readonly string[], context: CommandContext): Promise<number> {
  let chosen: { command: Command; args: string[]; raw: RawOptions } | undefined
  const program = describeProgram(
    (command, args, raw) => (chosen = { command, args, raw: asTyped(argv, raw) }),
  )
  const { options } = program.parse(['node', 'hearth', ...argv], { run: false })
  if (options['help'] || options['version']) return exitCodes.ok.code
  if (argv.length === 0 || argv[0] === 'help') return help(program, argv[1])
  if (argv[0] === 'version') return printVersion(program)
  if (!program.matchedCommand) throw usage(`There is no command "${argv[0] ?? ''}".`)
  try {
    program.runMatchedCommand()
  } catch (error) {
    if (error instanceof Error && error.name === 'CACError') throw usage(sentence(error.message), error)
    throw error
  }
  if (!chosen) throw usage(`There is no command "${argv[0] ?? ''}".`)
  const run = await chosen.command.load()
  return run(context, chosen.args, chosen.raw)
}

function describeProgram(choose: (command: Command, args: string[], raw: RawOptions) => void): CAC {
  const program = cac('hearth')
  for (const command of commands) {
    const described = program.command(command.usage, command.summary)
    for (const name of command.options) described.option(optionRows[name].flag, optionRows[name].help)
    if (command.example) described.example(`  $ hearth ${command.example}`)
    described.action((...given: unknown[]) => {
      const words = given.slice(0, -1).filter((word) => typeof word === 'string')
      choose(command, words, given.at(-1) as RawOptions)
    })
  }
  program.command('lsp', 'Serve an editor over --stdio or --node-ipc (Language Server Protocol)')
  program.command('help [command]', 'This text, or all about one command')
  program.command('version', 'The version')
  program.help((sections) => [
    // cac's list of "hearth <command> --help" lines repeats the list of commands.
    ...sections.filter(({ title }) => !title?.startsWith('For more info')),
    ...(sections.some(({ title }) => title === 'Commands')
      ? [{ title: 'Exit codes', body: describeExitCodes() }]
      : []),
  ])
  program.version(version)
  return program
}

function help(program: CAC, name: string | undefined): number {
  if (name === undefined) {
    program.unsetMatchedCommand()
    program.outputHelp()
    return exitCodes.ok.code
  }
  const command = program.commands.find((candidate) => candidate.name === name)
  if (!command) throw usage(`There is no command "${name}".`)
  command.outputHelp()
  return exitCodes.ok.code
}

function printVersion(program: CAC): number {
  program.outputVersion()
  return exitCodes.ok.code
}

// cac turns what looks like a number into one, and "007" or "1e3" is a fine prompt: values are taken from the words again.
function asTyped(argv: readonly string[], parsed: RawOptions): RawOptions {
  const raw: Record<string, unknown> = { ...parsed }
  argv.forEach((word, index) => {
    const [, name, value] = /^(--[a-z-]+)(?:=(.*))?$/s.exec(word) ?? []
    const key = name === undefined ? '' : keyOf(name)
    if (typeof raw[key] === 'number') raw[key] = value ?? argv[index + 1]
  })
  return raw
}

async function tellError(error: unknown, json: boolean, { terminal }: CommandContext): Promise<void> {
  const { code, message, hint } = toWire(error)
  terminal.note(`hearth: ${message}`)
  if (hint) terminal.note(`  ${inOptions(hint)}`)
  if (process.env['HEARTH_DEBUG'] === '1') terminal.note(stackOf(error))
  if (json) await terminal.out(`${JSON.stringify({ error: { code, message, hint } })}\n`)
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause === undefined ? '' : `\ncaused by ${stackOf(error.cause)}`
  return `${error.stack ?? error.message}${cause}`
}

function usage(message: string, cause?: unknown): EngineError {
  return new EngineError('bad-request', message, {
    hint: 'See `hearth help`.',
    ...(cause === undefined ? {} : { cause }),
  })
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}
