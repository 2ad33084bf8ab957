// Model text to DOM nodes: hostile input, so what the Markdown parser made is sanitized once more.
import DOMPurify from 'dompurify'
import { blockHtml, type Block } from './blocks'

/** A block as DOM nodes that cannot run, load or submit anything. */
export function renderBlock(block: Block): DocumentFragment {
  return DOMPurify.sanitize(blockHtml(block), {
    ALLOWED_TAGS: allowedTags,
    ALLOWED_ATTR: ['href', 'class', 'start'],
    ALLOWED_URI_REGEXP: /^https?:\/\//i,
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
    RETURN_DOM_FRAGMENT: true,
  })
}

const allowedTags = (
  'p br hr strong em s code pre span a ul ol li blockquote h1 h2 h3 h4 h5 h6 ' + 'table thead tbody tr th td'
).split(' ')
