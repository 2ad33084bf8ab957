// Makes the Node.js it is loaded into refuse to prompt after its input has ended, as version 24 does.
const { Interface } = require('node:readline')
const { prompt } = Interface.prototype

Interface.prototype.prompt = function (...args) {
  if (this.closed) throw new Error('readline was closed')
  return prompt.apply(this, args)
}
