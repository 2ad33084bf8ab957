// Rows of a file side by side, as lanes of a software adapter read them.
import assert from 'node:assert/strict'
import { RearrangedRows } from '../../../engine/backend/webgpu/put-beside'

interface Row {
  readonly name: string
  /** Two letters a block, rows apart by spaces. */
  readonly rows: string
  readonly blocksPerRow: number
  readonly blockBytes: number
  readonly side: number
  readonly out: string
}

const table: readonly Row[] = [
  { name: 'two of two', rows: 'aabb ccdd', blocksPerRow: 2, blockBytes: 2, side: 2, out: 'aaccbbdd' },
  { name: 'fewer than a side', rows: 'aabb ccdd', blocksPerRow: 2, blockBytes: 2, side: 4, out: 'aaccbbdd' },
  {
    name: 'a row left over',
    rows: 'aabb ccdd eeff',
    blocksPerRow: 2,
    blockBytes: 2,
    side: 2,
    out: 'aaccbbddeeff',
  },
  { name: 'one block a row', rows: 'aabb ccdd', blocksPerRow: 1, blockBytes: 4, side: 2, out: 'aabbccdd' },
  {
    name: 'blocks of six bytes',
    rows: 'aabbccddeeff gghhiijjkkll',
    blocksPerRow: 2,
    blockBytes: 6,
    side: 2,
    out: 'aabbccgghhiiddeeffjjkkll',
  },
]

function check({ rows, out, blocksPerRow, blockBytes, side }: Row, odd: boolean): void {
  const text = rows.replaceAll(' ', '')
  const bytes = new Uint8Array(Buffer.from(odd ? `-${text}` : text)).subarray(odd ? 1 : 0)
  const file = { bytes, rows: rows.split(' ').length, blocksPerRow, blockBytes }
  assert.equal(Buffer.from(new RearrangedRows().of(file, side)).toString(), out)
}

describe('rows side by side', () => {
  for (const row of table) {
    it(row.name, () => check(row, false))
    it(`${row.name}, from an odd byte`, () => check(row, true))
  }
})
