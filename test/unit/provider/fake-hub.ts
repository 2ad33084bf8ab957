// A model hub on loopback that misbehaves on request: real sockets, so that resets, stalls and ranges are the real thing.
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Answer {
  status?: number
  /** Bytes of the file to send before `then` happens; all of them by default. */
  send?: number
  /** What happens after `send` bytes: the socket is reset, or falls silent, or the answer ends. */
  then?: 'reset' | 'stall'
  /** Flips a bit in the middle. */
  corrupt?: boolean
  /** Answers a range request with the whole file. */
  ignoreRange?: boolean
  headers?: Record<string, string>
  /** Sends this file instead. */
  body?: Buffer
}

export interface FakeHub {
  url: string
  /** One line for each request: path and range. */
  requests: string[]
  /** Answers, one a request; the last one is repeated. */
  answers: Answer[]
  close(): Promise<void>
}

export async function startFakeHub(file: Buffer): Promise<FakeHub> {
  const hub: FakeHub = { url: '', requests: [], answers: [{}], close: () => stop(server) }
  const server = createServer((request, response) => {
    const answer = hub.answers[Math.min(hub.requests.length, hub.answers.length - 1)] ?? {}
    hub.requests.push(`${request.url} ${request.headers.range ?? 'whole'}`)
    serve(answer.body ?? file, answer, request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  hub.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return hub
}

export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function serve(file: Buffer, answer: Answer, request: IncomingMessage, response: ServerResponse): void {
  if (answer.status !== undefined) {
    response.writeHead(answer.status, { ...answer.headers, 'content-length': 0 }).end()
    return
  }
  const from = answer.ignoreRange ? 0 : Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
  if (from >= file.length) {
    response.writeHead(416, { 'content-range': `bytes */${file.length}`, 'content-length': 0 }).end()
    return
  }
  const bytes = Buffer.from(file.subarray(from))
  if (answer.corrupt) bytes[bytes.length >> 1]! ^= 1
  response.writeHead(from > 0 ? 206 : 200, {
    'content-length': bytes.length,
    ...(from > 0 ? { 'content-range': `bytes ${from}-${file.length - 1}/${file.length}` } : {}),
    ...answer.headers,
  })
  if (answer.send === undefined) {
    response.end(bytes)
    return
  }
  response.write(bytes.subarray(0, answer.send), () => {
    // The client must have read what was sent before the reset, or the kernel drops it unread.
    if (answer.then === 'reset') setTimeout(() => response.socket?.resetAndDestroy(), 100)
  })
}

function stop(server: Server): Promise<void> {
  server.closeAllConnections()
  return new Promise((resolve) => server.close(() => resolve()))
}
