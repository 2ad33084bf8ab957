// A disk that is full while a model arrives, for real: a file system of one megabyte that only the command sees.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { hearth, toldError, type Ended } from './engine-command'

const modelBytes = 98_362_432

describe('a full disk', function () {
  this.timeout(60_000)
  let disk: string
  let server: Server
  /** Called when the download begins. */
  let sending: (send: (bytes: number) => void) => void

  before(async () => {
    disk = await mkdtemp(path.join(os.tmpdir(), 'hearth-disk-'))
    server = createServer((request, response) => {
      const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
      const range = from > 0 ? { 'content-range': `bytes ${from}-${modelBytes - 1}/${modelBytes}` } : {}
      response.writeHead(from > 0 ? 206 : 200, { 'content-length': modelBytes - from, ...range })
      response.flushHeaders()
      sending((bytes) => response.write(Buffer.alloc(bytes)))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  })
  after(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    await rm(disk, { recursive: true })
  })

  /** `shell` runs on the small disk before the command; what it mounts is gone with the command. */
  const get = (size: string, shell: string): Promise<Ended> => {
    const asRoot = process.getuid?.() === 0 ? [] : ['--map-root-user']
    const script = `mount -t tmpfs -o size=${size} tmpfs "${disk}"; cd "${disk}"; ${shell}; exec "$@"`
    return hearth(['models', 'get', 'smollm2-135m-instruct'], {
      inside: ['unshare', ...asRoot, '--mount', 'sh', '-ec', script, 'sh'],
      env: {
        HEARTH_CACHE: disk,
        HF_ENDPOINT: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      },
    })
  }

  it('is told before the first byte when there is too little room', async () => {
    let sent = false
    sending = () => (sent = true)
    const ended = await get('1m', ':')
    assert.match(
      toldError(ended),
      /^hearth: The model needs 98\.4 MB in .*, but only 1\.0 MB are free\.\n {2}Free some space .* set HEARTH_CACHE to another folder\.$/,
    )
    assert.equal(ended.code, 5)
    assert.ok(sent)
  })

  it('is told when somebody else fills it meanwhile', async () => {
    // Room enough at first; then another process takes it all, and the part of the model is the last to grow.
    const filler =
      '(while [ ! -s models/smollm2-135m-instruct.gguf.part ]; do sleep 0.1; done; cat /dev/zero > filler) 2>/dev/null &'
    let timer: NodeJS.Timeout | undefined
    sending = (send) => (timer = setInterval(() => send(1_000_000), 100))
    const ended = await get('120m', `${filler} :`)
    clearInterval(timer)
    assert.match(
      toldError(ended),
      /^hearth: The disk is full: no room for the model in .*\n {2}Free some space/,
    )
    assert.equal(ended.code, 5)
  })
})
