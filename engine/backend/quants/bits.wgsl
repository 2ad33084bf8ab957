// Values 4i to 4i + 3 of fields of one, two and four bits of a chunk of 32.

// One bit per value, in the order of the values.
fn bits4(word: u32, i: u32) -> vec4u {
  return (vec4u(word >> (4u * i)) >> vec4u(0u, 1u, 2u, 3u)) & vec4u(1u);
}

// Two bits per value, in the order of the values.
fn pairs4(words: vec2u, i: u32) -> vec4u {
  let four = select(words.y, words.x, i < 4u) >> (8u * (i & 3u));
  return (vec4u(four) >> vec4u(0u, 2u, 4u, 6u)) & vec4u(3u);
}

// Four bits per value: value i < 16 in the low nibble of byte i, value i + 16 in its high nibble.
fn nibbles4(words: vec4u, i: u32) -> vec4u {
  return unpack4xU8((words[i & 3u] >> select(4u, 0u, i < 4u)) & 0x0f0f0f0fu);
}

