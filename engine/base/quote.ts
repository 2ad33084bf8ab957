// Names that a file gives itself, in messages: cut and escaped, they cannot flood or forge one.

/** In double quotes, at most 80 characters of it. */
export function quote(name: string): string {
  return JSON.stringify(name.length > mostCharacters ? `${name.slice(0, mostCharacters)}…` : name)
}

const mostCharacters = 80
