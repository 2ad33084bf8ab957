// The files that somebody who works at a case may have open: what it calls, and what lies beside it.
import path from 'node:path'
import type { Surroundings } from '../../engine/complete/other-files/surroundings'
import type { Case } from './case'
import { packages } from './packages'
import { readSource, sourceFiles } from './sources'

const mostNeighbours = 3

/** The file that defines what is called, where the case has one, and the files of the folder whose names come next. */
export function neighboursOf({ package: name, file, language, definition }: Case): Surroundings {
  const of = packages.find((one) => one.name === name)
  if (of === undefined) throw new Error(`No package is called ${name}.`)
  const folder = path.posix.dirname(file)
  const beside = sourceFiles(of)
    .map((source) => source.path)
    .filter((other) => path.posix.dirname(other) === folder && other !== file && other !== definition)
  const next = beside.filter((other) => other > file).concat(beside.filter((other) => other < file))
  const names = [...(definition === undefined ? [] : [definition]), ...next.slice(0, mostNeighbours)]
  return {
    repository: name.replace(/^.*\//, ''),
    path: file,
    documents: names.map((other) => ({
      uri: `bench:${name}/${other}`,
      path: other,
      languageId: language,
      text: readSource(of, other).replaceAll('\r\n', '\n'),
    })),
    edits: [],
    declarations: [],
    version: 0,
  }
}
