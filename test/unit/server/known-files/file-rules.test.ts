// Which files must not be known to suggestions, by their paths.
import assert from 'node:assert/strict'
import { FileRules } from '../../../../engine/server/known-files/file-rules'

const folder = 'file:///code/project'

describe('file rules', () => {
  const secrets: [path: string, secret: boolean][] = [
    ['.env', true],
    ['.env.local', true],
    ['config/production.env', true],
    ['.env.example', false],
    ['server.PEM', true],
    ['deploy/id_rsa', true],
    ['deploy/id_ed25519', true],
    ['id_rsa.md', false],
    ['.ssh/config', true],
    ['.aws/credentials', true],
    ['credentials.json', true],
    ['src/credentials.ts', false],
    ['my-secrets.yaml', true],
    ['src/secrets.py', false],
    ['terraform.tfvars', true],
    ['.npmrc', true],
    ['.netrc', true],
    ['google-service-account-1.json', true],
    ['src/environment.ts', false],
    ['src/key.ts', false],
    ['README.md', false],
  ]
  for (const [path, secret] of secrets) {
    it(`${path} ${secret ? 'is' : 'is not'} a secret`, () =>
      assert.equal(new FileRules([], [folder]).refusal(`${folder}/${path}`) !== undefined, secret))
  }

  const excluded: [pattern: string, uri: string, excluded: boolean][] = [
    ['internal/', `${folder}/internal/a.ts`, true],
    ['internal/', `${folder}/src/internal/a.ts`, true],
    ['/internal/', `${folder}/src/internal/a.ts`, false],
    ['*.sql', `${folder}/db/a.sql`, true],
    ['*.sql', `${folder}/db/a.sql.ts`, false],
    ['*.{sql,csv}', `${folder}/a.csv`, true],
    ['**/generated/**', `${folder}/src/generated/x/a.ts`, true],
    ['*.sql', 'file:///elsewhere/a.sql', true],
    ['*.sql', 'untitled:a.sql', true],
    ['*.ipynb', 'vscode-notebook-cell:/code/project/a.ipynb#W0', true],
    ['src/my%20file.ts', `${folder}/src/my%20file.ts`, false],
    ['src/my file.ts', `${folder}/src/my%20file.ts`, true],
    ['!.env', `${folder}/.env`, true],
  ]
  for (const [pattern, uri, expected] of excluded) {
    it(`${pattern} ${expected ? 'excludes' : 'leaves'} ${uri}`, () =>
      assert.equal(new FileRules([pattern], [folder]).refusal(uri) !== undefined, expected))
  }

  const paths: [uri: string, path: string][] = [
    [`${folder}/src/a.ts`, 'src/a.ts'],
    ['file:///code/project-two/a.ts', 'a.ts'],
    ['untitled:Untitled-1', 'Untitled-1'],
  ]
  for (const [uri, path] of paths)
    it(`${uri} is ${path} to the model`, () =>
      assert.equal(new FileRules([], [folder]).relativePath(uri), path))
})
