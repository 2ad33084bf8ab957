// The page of the chat view: an empty body, one script, one stylesheet, and a policy that allows nothing else.

export interface PageParts {
  /** Random, new for every page. */
  nonce: string
  /** Another one: the toolkit finds it in the page, and what can be read there must not run scripts. */
  styleNonce: string
  /** Where the stylesheet, fonts and pictures may come from. */
  cspSource: string
  scriptUri: string
  styleUri: string
}

/**
 * Model text is hostile: it must not run, style itself or call home. So scripts run by nonce alone, no inline
 * style attributes, and without `connect-src` the page reaches no network; everything goes through the extension host.
 */
export function chatHtml({ nonce, styleNonce, cspSource, scriptUri, styleUri }: PageParts): string {
  const policy = [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    // The toolkit probes for :focus-visible with a style element of its own, and gives it this nonce.
    `style-src ${cspSource} 'nonce-${styleNonce}'`,
    `img-src ${cspSource}`,
    `font-src ${cspSource}`,
  ].join('; ')
  return `<!DOCTYPE html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta http-equiv="Content-Security-Policy" content="${policy}" />
    <meta property="csp-nonce" content="${styleNonce}" />
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
