// iq4_xs: d * scale * codebook[q]; scales holds per block of 8 chunks d, 2 high bits of each scale, then 4 low bits of each.
// A chunk is 32 consecutive values of a row; weights4 gives values 4i to 4i + 3 of it.
@group(0) @binding(2) var<storage, read> quants: array<vec4u>;
@group(0) @binding(3) var<storage, read> scales: array<vec2u>;

struct Chunk { q: vec4u, d: f32 }

fn load_chunk(chunk: u32) -> Chunk {
  let head = scales[chunk >> 3u];
  let part = chunk & 7u;
  let low = (head.y >> (4u * part)) & 15u;
  let high = (head.x >> (16u + 2u * part)) & 3u;
  let scale = i32(low | (high << 4u)) - 32;
  return Chunk(quants[chunk], unpack2x16float(head.x).x * f32(scale));
}

fn weights4(c: Chunk, i: u32) -> vec4f {
  return codebook4(nibbles4(c.q, i)) * c.d;
}
