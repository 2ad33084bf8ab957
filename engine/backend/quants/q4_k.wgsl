// q4_k: d * scale * q - dmin * min, scale and min packed in 6 bits; scales holds the 16-byte head of each block of 8 chunks.
// A chunk is 32 consecutive values of a row; weights4 gives values 4i to 4i + 3 of it.
@group(0) @binding(2) var<storage, read> quants: array<vec4u>;
@group(0) @binding(3) var<storage, read> scales: array<vec4u>;

struct Chunk { q: vec4u, d: vec2f }

fn load_chunk(chunk: u32) -> Chunk {
  return Chunk(quants[chunk], scale_and_min(scales[chunk >> 3u], chunk & 7u));
}

fn weights4(c: Chunk, i: u32) -> vec4f {
  let low = (c.q[i & 3u] >> select(4u, 0u, i < 4u)) & 0x0f0f0f0fu;
  return fma(vec4f(unpack4xU8(low)), vec4f(c.d.x), vec4f(c.d.y));
}

// The 12 bytes in head.yzw: bytes 0-3 and 4-7 hold 6 bits of scales and minimums 0-3 and, on top, 2 bits of 4-7.
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
