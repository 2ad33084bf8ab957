// iq4_nl and iq4_xs: the 16 values that four bits stand for, as signed bytes of four words.
const codebook = vec4u(0xbfad9881u, 0xf6eaddcfu, 0x26190d01u, 0x71594535u);

// Selects and shifts, because an array with a computed index may become memory.
fn codebook4(q: vec4u) -> vec4f {
  let low_half = q < vec4u(8u);
  let odd_word = (q & vec4u(4u)) != vec4u(0u);
  let a = select(vec4u(codebook.x), vec4u(codebook.y), odd_word);
  let b = select(vec4u(codebook.z), vec4u(codebook.w), odd_word);
  let word = select(b, a, low_half);
  let top = word << (vec4u(24u) - 8u * (q & vec4u(3u)));
  return vec4f(bitcast<vec4i>(top) >> vec4u(24u));
}

