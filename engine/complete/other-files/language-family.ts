// Which languages can learn from each other's files.

const families: readonly (readonly string[])[] = [
  ['typescript', 'typescriptreact', 'javascript', 'javascriptreact', 'vue', 'svelte'],
  ['c', 'cpp', 'objective-c', 'objective-cpp', 'cuda-cpp'],
  ['java', 'kotlin', 'scala', 'groovy'],
  ['css', 'scss', 'less'],
]

const byLanguage = new Map(
  families.flatMap((family) => family.map((language) => [language, family[0] ?? ''])),
)

/** The language that stands for the family; most are families of their own. */
export function languageFamily(languageId: string): string {
  return byLanguage.get(languageId) ?? languageId
}
