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
  let d = select(c.d.y, c.d.x, i < 4u);
  return fma(vec4f(nibbles4(c.q, i) | (pairs4(c.high, i) << vec4u(4u))), vec4f(d), vec4f(-32.0 * d));
}
