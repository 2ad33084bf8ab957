// q4_0: d * (q - 8); scales holds two half-float d per word.
// A chunk is 32 consecutive values of a row; weights4 gives values 4i to 4i + 3 of it.
@group(0) @binding(2) var<storage, read> quants: array<vec4u>;
@group(0) @binding(3) var<storage, read> scales: array<u32>;

struct Chunk { q: vec4u, d: f32 }

fn load_chunk(chunk: u32) -> Chunk {
  let two = unpack2x16float(scales[chunk >> 1u]);
  return Chunk(quants[chunk], select(two.x, two.y, (chunk & 1u) == 1u));
}

fn weights4(c: Chunk, i: u32) -> vec4f {
  return fma(vec4f(nibbles4(c.q, i)), vec4f(c.d), vec4f(-8.0 * c.d));
}

fn nibble_affine(c: Chunk) -> vec2f { return vec2f(c.d, -8.0 * c.d); }
