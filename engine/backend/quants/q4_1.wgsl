// q4_1: d * q + m; scales holds (d, m) per chunk.
// A chunk is 32 consecutive values of a row; weights4 gives values 4i to 4i + 3 of it.
@group(0) @binding(2) var<storage, read> quants: array<vec4u>;
@group(0) @binding(3) var<storage, read> scales: array<u32>;

struct Chunk { q: vec4u, d: vec2f }

fn load_chunk(chunk: u32) -> Chunk {
  return Chunk(quants[chunk], unpack2x16float(scales[chunk]));
}

fn weights4(c: Chunk, i: u32) -> vec4f {
  let low = (c.q[i & 3u] >> select(4u, 0u, i < 4u)) & 0x0f0f0f0fu;
  return fma(vec4f(unpack4xU8(low)), vec4f(c.d.x), vec4f(c.d.y));
}
