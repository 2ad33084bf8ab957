// q6_k: d * scale * (q - 32), a signed scale per 16 values; scales holds per chunk two words of high bit pairs and (scale, scale, d).
// A chunk is 32 consecutive values of a row; weights4 gives values 4i to 4i + 3 of it.
@group(0) @binding(2) var<storage, read> quants: array<vec4u>;
@group(0) @binding(3) var<storage, read> scales: array<u32>;

struct Chunk { q: vec4u, high: vec2u, d: vec2f }

fn load_chunk(chunk: u32) -> Chunk {
  let at = 3u * chunk;
  let tail = scales[at + 2u];
  let d = unpack2x16float(tail).y;
  return Chunk(quants[chunk], vec2u(scales[at], scales[at + 1u]), vec2f(unpack4xI8(tail).xy) * d);
}

fn weights4(c: Chunk, i: u32) -> vec4f {
  let low = (c.q[i & 3u] >> select(4u, 0u, i < 4u)) & 0x0f0f0f0fu;
  let pairs = select(c.high.y, c.high.x, i < 4u) >> (8u * (i & 3u));
  let high = (vec4u(pairs) >> vec4u(0u, 2u, 4u, 6u)) & vec4u(3u);
  let d = select(c.d.y, c.d.x, i < 4u);
  return fma(vec4f(unpack4xU8(low) | (high << vec4u(4u))), vec4f(d), vec4f(-32.0 * d));
}
