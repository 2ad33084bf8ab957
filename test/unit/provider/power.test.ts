// Which power supplies mean that a machine runs on its battery.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { breathe } from '../../../engine/base/signal'
import { runsOnBattery, watchPower } from '../../../engine/provider/power'

type Supply = Record<string, string>

const adapter = (online: string): Supply => ({ type: 'Mains', online })
const battery = (status: string): Supply => ({ type: 'Battery', status })

const rows: [what: string, supplies: Record<string, Supply>, onBattery: boolean][] = [
  ['no supply', {}, false],
  ['a desktop', { AC: adapter('1') }, false],
  ['a laptop at its adapter', { AC: adapter('1'), BAT0: battery('Charging') }, false],
  ['a laptop without it', { AC: adapter('0'), BAT0: battery('Discharging') }, true],
  ['a second battery in use at the adapter', { AC: adapter('1'), BAT1: battery('Discharging') }, false],
  ['a battery that is full', { AC: adapter('0'), BAT0: battery('Full') }, false],
  ['no adapter known', { BAT0: battery('Discharging') }, true],
  ['a mouse', { hidpp: { ...battery('Discharging'), scope: 'Device' } }, false],
  ['a charger at a USB port', { BAT0: battery('Discharging'), usb: { type: 'USB', online: '1' } }, false],
]

describe('power', () => {
  for (const [what, supplies, onBattery] of rows) {
    it(what, async () => {
      const folder = mkdtempSync(path.join(tmpdir(), 'hearth-power-'))
      try {
        for (const [name, files] of Object.entries(supplies)) {
          mkdirSync(path.join(folder, name))
          for (const [file, text] of Object.entries(files))
            writeFileSync(path.join(folder, name, file), `${text}\n`)
        }
        assert.equal(await runsOnBattery(folder), onBattery)
        const power = watchPower(folder)
        assert.equal(power.onBattery(), false)
        while (power.onBattery() !== onBattery) await breathe()
      } finally {
        rmSync(folder, { recursive: true })
      }
    })
  }

  it('takes a machine that tells nothing for one at its adapter', () => {
    assert.equal(watchPower(path.join(tmpdir(), 'no-such-folder')).onBattery(), false)
  })
})
