// q3_k: d * scale * (q - 4), a signed scale per 16 values; scales holds per block of 8 chunks d, 16 bytes and 8 words of third bits.
// A chunk is 32 consecutive values of a row; weights4 gives values 4i to 4i + 3 of it.
@group(0) @binding(2) var<storage, read> quants: array<vec2u>;
@group(0) @binding(3) var<storage, read> scales: array<u32>;

struct Chunk { q: vec2u, high: u32, d: vec2f }

fn load_chunk(chunk: u32) -> Chunk {
  let block = 13u * (chunk >> 3u);
  let part = chunk & 7u;
  let d = unpack2x16float(scales[block]).x;
  let two = scales[block + 1u + (part >> 1u)] >> (16u * (part & 1u));
  return Chunk(quants[chunk], scales[block + 5u + part], vec2f(unpack4xI8(two).xy) * d);
}

fn weights4(c: Chunk, i: u32) -> vec4f {
  let d = select(c.d.y, c.d.x, i < 4u);
  return fma(vec4f(pairs4(c.q, i) | (bits4(c.high, i) << vec4u(2u))), vec4f(d), vec4f(-4.0 * d));
}
