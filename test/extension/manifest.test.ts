// package.json against the code and the files it names: nothing offered that does not exist, nothing hidden.
import assert from 'node:assert/strict'
import { existsSync, readFileSync, statSync } from 'node:fs'

interface Manifest {
  icon: string
  contributes: {
    commands: { command: string; title: string; category: string }[]
    keybindings: { command: string; key?: string; mac?: string; win?: string; linux?: string }[]
    menus: Record<string, { command: string }[]>
    viewsContainers: Record<string, { id: string; icon: string }[]>
    views: Record<string, { id: string; icon: string }[]>
    walkthroughs: { steps: { description: string; media: { svg: string }; completionEvents: string[] }[] }[]
  }
}

describe('manifest', () => {
  const { icon, contributes } = JSON.parse(readFileSync('package.json', 'utf8')) as Manifest
  const commands = contributes.commands.map(({ command }) => command)
  const steps = contributes.walkthroughs.flatMap((walkthrough) => walkthrough.steps)

  it('offers exactly the commands of the table in main.ts', () => {
    const source = readFileSync('extension/main.ts', 'utf8')
    const table = [...source.matchAll(/^ {4}'(hearth\.\w+)': \(\) =>/gm)].map(([, id]) => id)
    assert.ok(table.length > 7, 'the table was found')
    assert.deepEqual(commands.toSorted(), table.toSorted())
  })

  it('every command is found under "Hearth: …"', () => {
    for (const { command, category, title } of contributes.commands)
      assert.ok(category === 'Hearth' && /^[A-Z]/.test(title), command)
  })

  it('menus, keys and the walkthrough run commands that exist', () => {
    const used = [
      ...Object.values(contributes.menus)
        .flat()
        .map(({ command }) => command),
      ...contributes.keybindings.map(({ command }) => command),
      ...steps.flatMap(({ description }) =>
        [...description.matchAll(/\(command:([\w.]+)\)/g)].map(([, id]) => id ?? ''),
      ),
      ...steps.flatMap(({ completionEvents }) =>
        completionEvents.filter((event) => event.startsWith('onCommand:')).map((event) => event.slice(10)),
      ),
    ]
    assert.ok(used.length > 12)
    for (const command of used) assert.ok(commands.includes(command), command)
  })

  it('takes no key that the editor or a Mac keyboard needs', () => {
    assert.deepEqual(
      contributes.keybindings.map(({ key, mac, win, linux }) => [key, mac, win, linux]),
      [[undefined, undefined, 'alt+\\', 'alt+\\']],
    )
  })

  it('names pictures that exist and are small', () => {
    const pictures = [
      icon,
      ...Object.values(contributes.viewsContainers)
        .flat()
        .map((container) => container.icon),
      ...Object.values(contributes.views)
        .flat()
        .map((view) => view.icon),
      ...steps.map(({ media }) => media.svg),
    ]
    assert.equal(pictures.length, 7)
    for (const picture of pictures) assert.ok(existsSync(picture) && statSync(picture).size < 30_000, picture)
  })

  it('walkthrough pictures take their colors from the theme', () => {
    for (const { media } of steps)
      assert.doesNotMatch(readFileSync(media.svg, 'utf8'), /#[0-9a-f]{3,8}\b|rgb/i, media.svg)
  })
})
