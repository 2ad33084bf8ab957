// q2_k: d * scale * q - dmin * min, a 4-bit scale and min per 16 values; scales holds per block of 8 chunks (d, dmin) and 16 bytes.
// A chunk is 32 consecutive values of a row; weights4 gives values 4i to 4i + 3 of it.
@group(0) @binding(2) var<storage, read> quants: array<vec2u>;
@group(0) @binding(3) var<storage, read> scales: array<u32>;

struct Chunk { q: vec2u, d: vec2f, m: vec2f }

fn load_chunk(chunk: u32) -> Chunk {
  let block = 5u * (chunk >> 3u);
  let part = chunk & 7u;
  let d = unpack2x16float(scales[block]);
  let two = scales[block + 1u + (part >> 1u)] >> (16u * (part & 1u));
  let scale = vec2u(two, two >> 8u) & vec2u(15u);
  let min = vec2u(two >> 4u, two >> 12u) & vec2u(15u);
  return Chunk(quants[chunk], d.x * vec2f(scale), -d.y * vec2f(min));
}

fn weights4(c: Chunk, i: u32) -> vec4f {
  let first = i < 4u;
  return fma(vec4f(pairs4(c.q, i)), vec4f(select(c.d.y, c.d.x, first)), vec4f(select(c.m.y, c.m.x, first)));
}
