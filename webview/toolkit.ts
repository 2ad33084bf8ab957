// The only import of the webview toolkit: the toolkit is archived, and whatever replaces it changes this file alone.
import {
  provideVSCodeDesignSystem,
  vsCodeButton,
  vsCodeTextArea,
  type Button,
  type TextArea,
} from '@vscode/webview-ui-toolkit'

// At load, not later: the toolkit reads the theme when the window's `load` event fires.
// Its tag and progress ring are left out: they have style attributes, which the content policy forbids.
provideVSCodeDesignSystem().register(vsCodeButton(), vsCodeTextArea())

export type { Button, TextArea }

export interface ButtonOptions {
  appearance: 'primary' | 'secondary'
  onClick: () => void
  /** When the visible text alone does not say what the button acts on. */
  label?: string
}

export function createButton(text: string, { appearance, onClick, label }: ButtonOptions): Button {
  const button = document.createElement('vscode-button') as Button
  button.setAttribute('appearance', appearance)
  button.textContent = text
  if (label !== undefined) button.setAttribute('aria-label', label)
  button.addEventListener('click', onClick)
  return button
}

export function createTextArea(label: string, placeholder: string): TextArea {
  const area = document.createElement('vscode-text-area') as TextArea
  area.setAttribute('placeholder', placeholder)
  area.setAttribute('resize', 'none')
  area.setAttribute('rows', '2')
  // The toolkit writes its own generic label when it is connected; ours must come after.
  queueMicrotask(() => area.setAttribute('aria-label', label))
  return area
}
