// The page of the chat view: an empty body, one script, one stylesheet, and a policy that allows nothing else.

export interface PageParts {
  /** Random, new for every page. */
  nonce: string
  /** Where the stylesheet, fonts and pictures may come from. */
  cspSource: string
  scriptUri: string
  styleUri: string
}

/**
 * Model text is hostile: it must not run, style itself or call home. So scripts run by nonce alone, no inline
 * styles, and without `connect-src` the page reaches no network; everything goes through the extension host.
 */
export function chatHtml({ nonce, cspSource, scriptUri, styleUri }: PageParts): string {
  const policy = [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src ${cspSource}`,
    `img-src ${cspSource}`,
    `font-src ${cspSource}`,
  ].join('; ')
  return `<!DOCTYPE html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta http-equiv="Content-Security-Policy" content="${policy}" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <link rel="stylesheet" href="${styleUri}" />
    <title>Hearth Chat</title>
  </head>
  <body>
    <script nonce="${nonce}" src="${scriptUri}"></script>
  </body>
</html>
`
}
