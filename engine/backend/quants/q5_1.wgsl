// q5_1: d * q + m; scales holds (d, m) and the word of fifth bits per chunk.
// A chunk is 32 consecutive values of a row; weights4 gives values 4i to 4i + 3 of it.
@group(0) @binding(2) var<storage, read> quants: array<vec4u>;
@group(0) @binding(3) var<storage, read> scales: array<vec2u>;

struct Chunk { q: vec4u, high: u32, d: vec2f }

fn load_chunk(chunk: u32) -> Chunk {
  let s = scales[chunk];
  return Chunk(quants[chunk], s.y, unpack2x16float(s.x));
}

fn weights4(c: Chunk, i: u32) -> vec4f {
  return fma(vec4f(nibbles4(c.q, i) | (bits4(c.high, i) << vec4u(4u))), vec4f(c.d.x), vec4f(c.d.y));
}
