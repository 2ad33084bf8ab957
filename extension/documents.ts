// Which documents the engine gets to see, and so where ghost text can appear.

/**
 * Schemes in which people write code. The remote ones matter because the extension runs beside the user by choice
 * (`extensionKind` in package.json): over SSH, in WSL and in containers every file of the window has such an address.
 * The rest is left out on purpose: Git's old versions, output channels and settings are not typed into.
 */
const schemes = ['file', 'untitled', 'vscode-notebook-cell', 'vscode-remote', 'vscode-vfs']

export const documentSelector: { scheme: string }[] = schemes.map((scheme) => ({ scheme }))
