// The wire to the client. On stdio, stdout is the protocol: whatever else prints goes to stderr.
import { Writable } from 'node:stream'
import {
  createConnection,
  IPCMessageReader,
  IPCMessageWriter,
  StreamMessageReader,
  StreamMessageWriter,
  type Connection,
} from 'vscode-languageserver/node'

export type Transport = 'stdio' | 'node-ipc'

export interface Wire {
  connection: Connection
  /** Resolves when the client is gone without having said goodbye. */
  closed: Promise<void>
}

export function openWire(transport: Transport): Wire {
  return transport === 'stdio' ? overStdio() : overNodeIpc()
}

// Readers and writers instead of streams: given streams, the library ends the process by itself when they end.
function overStdio(): Wire {
  const writer = new StreamMessageWriter(takeStdout())
  const connection = createConnection(new StreamMessageReader(process.stdin), writer)
  const closed = new Promise<void>((resolve) => {
    process.stdin.once('close', resolve)
    // A client that died leaves a broken pipe, perhaps before the end of stdin is seen.
    process.stdout.on('error', () => resolve())
  })
  return { connection, closed }
}

function overNodeIpc(): Wire {
  const connection = createConnection(new IPCMessageReader(process), new IPCMessageWriter(process))
  return { connection, closed: new Promise((resolve) => process.once('disconnect', resolve)) }
}

/** The real stdout. From here on `process.stdout`, and `console.log` with it, writes to stderr. */
function takeStdout(): Writable {
  const stdout = process.stdout
  const write = stdout.write.bind(stdout)
  stdout.write = process.stderr.write.bind(process.stderr)
  return new Writable({
    write(chunk: Uint8Array, _encoding, done) {
      write(chunk, (error) => done(error))
    },
  })
}
