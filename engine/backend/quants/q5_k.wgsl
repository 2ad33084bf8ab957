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
  let low = (c.q[i & 3u] >> select(4u, 0u, i < 4u)) & 0x0f0f0f0fu;
  let high = (vec4u(c.high >> (4u * i)) >> vec4u(0u, 1u, 2u, 3u)) & vec4u(1u);
  return fma(vec4f(unpack4xU8(low) | (high << vec4u(4u))), vec4f(c.d.x), vec4f(c.d.y));
}

// As in q4_k: the 12 bytes in head.yzw hold eight 6-bit scales and eight 6-bit minimums.
fn scale_and_min(head: vec4u, part: u32) -> vec2f {
  let shift = 8u * (part & 3u);
  let a = (head.y >> shift) & 255u;
  let b = (head.z >> shift) & 255u;
  let c = (head.w >> shift) & 255u;
  let first = part < 4u;
  let scale = select((c & 15u) | ((a >> 6u) << 4u), a & 63u, first);
  let min = select((c >> 4u) | ((b >> 6u) << 4u), b & 63u, first);
  let d = unpack2x16float(head.x);
  return vec2f(d.x * f32(scale), -d.y * f32(min));
}
