// What is known besides the document at the cursor. Whoever gathers it has left out what must not be read.

/** Text of another file, or a part of it. Line breaks are `\n`. */
export interface OtherText {
  /** As the model may see it, with `/`. */
  path: string
  languageId: string
  text: string
}

export interface OtherDocument extends OtherText {
  uri: string
}

/** A declaration that an editor has looked up, by its first line; `text` is of that file, from there on. */
export interface Declaration extends OtherText {
  /** What stands near the cursor. */
  name: string
}

export interface Surroundings {
  /** Name of the folder that all of it is in, for models that were trained on whole repositories. */
  repository: string
  /** Of the document at the cursor. */
  path: string
  /** The ones used last first, and not the one at the cursor. */
  documents: readonly OtherDocument[]
  /** Lines as they are now where something was changed, the newest first. */
  edits: readonly OtherText[]
  /** Of symbols near the cursor. */
  declarations: readonly Declaration[]
  /** Another number than before means that there is something new: another document was looked at, imports were read. */
  version: number
}

/** What a model is shown of it. */
export interface Piece extends OtherText {
  /** Why it was chosen, in words for people: "declares `open`". */
  origin: string
}
