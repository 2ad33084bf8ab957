// q5_k: d * scale * q - dmin * min; scales holds per block of 8 chunks the 16-byte head and 8 words of fifth bits.
// A chunk is 32 consecutive values of a row; weights4 gives values 4i to 4i + 3 of it.
@group(0) @binding(2) var<storage, read> quants: array<vec4u>;
@group(0) @binding(3) var<storage, read> scales: array<vec4u>;

struct Chunk { q: vec4u, high: u32, d: vec2f }

fn load_chunk(chunk: u32) -> Chunk {
  let block = 3u * (chunk >> 3u);
  let part = chunk & 7u;
  let high = scales[block + 1u + (part >> 2u)];
  return Chunk(quants[chunk], high[part & 3u], scale_and_min(scales[block], part));
}

fn weights4(c: Chunk, i: u32) -> vec4f {
  return fma(vec4f(nibbles4(c.q, i) | (bits4(c.high, i) << vec4u(4u))), vec4f(c.d.x), vec4f(c.d.y));
}
