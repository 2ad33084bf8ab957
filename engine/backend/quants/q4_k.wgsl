// q4_k: d * scale * q - dmin * min, scale and min packed in 6 bits; scales holds the 16-byte head of each block of 8 chunks.
// A chunk is 32 consecutive values of a row; weights4 gives values 4i to 4i + 3 of it.
@group(0) @binding(2) var<storage, read> quants: array<vec4u>;
@group(0) @binding(3) var<storage, read> scales: array<vec4u>;

struct Chunk { q: vec4u, d: vec2f }

fn load_chunk(chunk: u32) -> Chunk {
  return Chunk(quants[chunk], scale_and_min(scales[chunk >> 3u], chunk & 7u));
}

fn weights4(c: Chunk, i: u32) -> vec4f {
  return fma(vec4f(nibbles4(c.q, i)), vec4f(c.d.x), vec4f(c.d.y));
}

fn nibble_affine(c: Chunk) -> vec2f { return c.d; }
