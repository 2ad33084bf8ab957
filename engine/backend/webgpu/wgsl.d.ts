// Shader files are bundled as text.
declare module '*.wgsl' {
  const text: string
  export { text as default }
}
