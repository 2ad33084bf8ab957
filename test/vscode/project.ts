// The folder that is opened in VS Code: a few files in which a small model has something to say.
export const project = {
  'shapes.py': `import math


def area_of_circle(radius):
    """Return the area of a circle."""
    return math.pi * radius ** 2


def area_of_square(side):
    """Return the area of a square."""
`,
  'stack.ts': `// A stack of numbers.
export class Stack {
  private items: number[] = []

  push(value: number): void {
    this.items.push(value)
  }

  pop(): number | undefined {
    return this.items.pop()
  }
}
`,
  'README.md': `# Shapes

Small examples.
`,
} as const
