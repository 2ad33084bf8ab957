// Cursors inside a token: what was typed begins a word, and what comes must go on with it.
import type { LanguageId } from './languages'

export interface HealingCase {
  language: LanguageId
  /** ┃ is the cursor. */
  text: string
  /** Words of which the typed letters are the beginning; one of them is meant. */
  words: readonly string[]
}

const typescript = `import { readFile } from 'node:fs/promises'

export interface Options {
  encoding: BufferEncoding
  verbose: boolean
}

export async function load(path: string, options: Options): Promise<string> {
  const text = await readFile(path, options.encoding)
`

const python = `import json
import logging

logger = logging.getLogger(__name__)


class Store:
    def __init__(self, path):
        self.path = path
        self.entries = {}

    def load(self):
        with open(self.path) as file:
            self.entries = json.load(file)
`

const go = `package server

import (
	"fmt"
	"net/http"
)

func handle(writer http.ResponseWriter, request *http.Request) {
	name := request.URL.Query().Get("name")
`

const rust = `use std::collections::HashMap;

pub struct Counter {
    counts: HashMap<String, usize>,
}

impl Counter {
    pub fn new() -> Self {
        Self { counts: HashMap::new() }
    }

`

const java = `package example;

import java.util.ArrayList;
import java.util.List;

public class Basket {
    private final List<String> items = new ArrayList<>();

    public void add(String item) {
        items.add(item);
    }

`

export const healingCases: readonly HealingCase[] = [
  { language: 'typescript', text: `${typescript}  if (options.verbose) cons┃`, words: ['console'] },
  { language: 'typescript', text: `${typescript}  retu┃`, words: ['return'] },
  { language: 'typescript', text: `${typescript}  if (options.verb┃`, words: ['verbose'] },
  { language: 'typescript', text: `${typescript}  if (opt┃`, words: ['options'] },
  { language: 'typescript', text: `${typescript}  const lines = text.spl┃`, words: ['split'] },
  { language: 'typescript', text: `${typescript}  console.log(te┃`, words: ['text'] },
  {
    language: 'typescript',
    text: `${typescript}  return text.tri┃`,
    words: ['trim', 'trimEnd', 'trimStart'],
  },
  { language: 'typescript', text: `${typescript}  return text\n}\n\nexport asyn┃`, words: ['async'] },
  {
    language: 'typescript',
    text: `${typescript}  return text\n}\n\nexport async func┃`,
    words: ['function'],
  },
  { language: 'typescript', text: `import { readFile } from 'node:fs/promises'\nimp┃`, words: ['import'] },
  { language: 'python', text: `${python}\n    def save(self):\n        with open(self.pa┃`, words: ['path'] },
  {
    language: 'python',
    text: `${python}\n    def save(self):\n        with open(self.path, 'w') as fi┃`,
    words: ['file'],
  },
  {
    language: 'python',
    text: `${python}\n    def save(self):\n        with open(self.path, 'w') as file:\n            json.du┃`,
    words: ['dump', 'dumps'],
  },
  { language: 'python', text: `${python}        logg┃`, words: ['logger'] },
  { language: 'python', text: `${python}\n    def get(self, key):\n        retu┃`, words: ['return'] },
  {
    language: 'python',
    text: `${python}\n    def get(self, key):\n        return self.ent┃`,
    words: ['entries'],
  },
  { language: 'python', text: `${python}\n    def clear(se┃`, words: ['self'] },
  { language: 'go', text: `${go}	fmt.Fpri┃`, words: ['Fprint', 'Fprintf', 'Fprintln'] },
  { language: 'go', text: `${go}	fmt.Fprintf(wri┃`, words: ['writer'] },
  { language: 'go', text: `${go}	if na┃`, words: ['name'] },
  { language: 'go', text: `${go}	if name == "" {\n		http.Err┃`, words: ['Error'] },
  {
    language: 'rust',
    text: `${rust}    pub fn add(&mut self, word: &str) {\n        self.cou┃`,
    words: ['counts'],
  },
  {
    language: 'rust',
    text: `${rust}    pub fn add(&mut self, word: &str) {\n        self.counts.ent┃`,
    words: ['entry'],
  },
  { language: 'rust', text: `${rust}    pub fn add(&mut se┃`, words: ['self'] },
  { language: 'rust', text: `${rust}    pub fn len(&self) -> usi┃`, words: ['usize'] },
  { language: 'java', text: `${java}    public int size() {\n        retu┃`, words: ['return'] },
  { language: 'java', text: `${java}    public int size() {\n        return it┃`, words: ['items'] },
  { language: 'java', text: `${java}    public void remove(Str┃`, words: ['String'] },
  { language: 'java', text: `${java}    publ┃`, words: ['public'] },
  {
    language: 'java',
    text: `${java}    public boolean isEmpty() {\n        return items.isEm┃`,
    words: ['isEmpty'],
  },
]
