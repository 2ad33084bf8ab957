// q5_0: d * (q - 16); scales holds d and the word of fifth bits per chunk.
// A chunk is 32 consecutive values of a row; weights4 gives values 4i to 4i + 3 of it.
@group(0) @binding(2) var<storage, read> quants: array<vec4u>;
@group(0) @binding(3) var<storage, read> scales: array<vec2u>;

struct Chunk { q: vec4u, high: u32, d: f32 }

fn load_chunk(chunk: u32) -> Chunk {
  let s = scales[chunk];
  return Chunk(quants[chunk], s.y, unpack2x16float(s.x).x);
}

fn weights4(c: Chunk, i: u32) -> vec4f {
  let low = (c.q[i & 3u] >> select(4u, 0u, i < 4u)) & 0x0f0f0f0fu;
  let high = (vec4u(c.high >> (4u * i)) >> vec4u(0u, 1u, 2u, 3u)) & vec4u(1u);
  return fma(vec4f(unpack4xU8(low) | (high << vec4u(4u))), vec4f(c.d), vec4f(-16.0 * c.d));
}
