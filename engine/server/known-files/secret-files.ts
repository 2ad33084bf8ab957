// Files whose text is somebody's key or password: no suggestion is made from them, and none in them.
import { matchesPath, parsePattern, type PathPattern } from './path-pattern'

/** In lower case, as `.gitignore` would spell them. */
const patterns = `
.env
.env.*
*.env
.envrc
!.env.example
!.env.sample
!.env.template
!.env.dist
*.pem
*.key
*.p8
*.p12
*.pfx
*.jks
*.keystore
*.kdbx
*.ppk
*.asc
*.gpg
*.ovpn
id_rsa
id_dsa
id_ecdsa
id_ed25519
.ssh/
.gnupg/
.aws/
.azure/
.kube/
gcloud/
.docker/config.json
.dockercfg
kubeconfig
.netrc
_netrc
.npmrc
.yarnrc.yml
.pypirc
.pgpass
.my.cnf
.htpasswd
.git-credentials
.vault-token
.terraformrc
*.tfvars
*.tfstate
*.tfstate.backup
credentials
credentials.{json,yml,yaml,toml,ini,xml,properties,txt,csv}
*credential*.json
secrets
*secret*.{json,yml,yaml,toml,ini,xml,properties,txt}
*password*.{json,yml,yaml,toml,ini,xml,properties,txt,csv}
*service-account*.json
*serviceaccount*.json
client_secret*
local.settings.json
wallet.dat
`

const mostBraces = 64

const secretPatterns = patterns.split('\n').flatMap(expandBraces).flatMap(parsed)

/** @param path of the file with `/`, from the root */
export function isSecretPath(path: string): boolean {
  return isMatchedBy(secretPatterns, path.toLowerCase().replace(/^\/+/, ''))
}

/** Whether a text has a private key in it, whatever its file is called. */
export function holdsPrivateKey(text: string): boolean {
  return text.includes('PRIVATE KEY-----')
}

/** As in `.gitignore`: the last pattern that matches decides, and what is inside a folder goes with it. */
export function isMatchedBy(rules: readonly PathPattern[], path: string): boolean {
  const names = path.split('/')
  return names.some((_, at) => {
    const isFolder = at < names.length - 1
    const part = names.slice(0, at + 1).join('/')
    const last = rules.findLast((rule) => (isFolder || !rule.foldersOnly) && matchesPath(rule, part))
    return last !== undefined && !last.negated
  })
}

/** `a.{b,c}` as `a.b` and `a.c`, which `.gitignore` does not know and people expect. */
export function expandBraces(pattern: string): string[] {
  let expanded = [pattern]
  for (let round = 0; round < mostBraces && expanded.length <= mostBraces; round++) {
    const next = expanded.flatMap((one) => {
      const found = /^(.*?)\{([^{}]*,[^{}]*)\}(.*)$/.exec(one)
      const [, before = '', choices = '', after = ''] = found ?? []
      return found ? choices.split(',').map((choice) => before + choice + after) : [one]
    })
    if (next.length === expanded.length) break
    expanded = next
  }
  return expanded
}

function parsed(pattern: string): PathPattern[] {
  const rule = parsePattern(pattern)
  return rule ? [rule] : []
}
