// Prompts are Markdown files, bundled as text.
declare module '*.md' {
  const text: string
  export { text as default }
}
