// bf16: four words of quants per chunk, no scales; a bf16 is the upper half of an f32.
// A chunk is 32 consecutive values of a row; weights4 gives values 4i to 4i + 3 of it.
@group(0) @binding(2) var<storage, read> quants: array<vec4u>;
@group(0) @binding(3) var<storage, read> scales: array<u32>;

struct Chunk { v: array<vec4u, 4> }

fn load_chunk(chunk: u32) -> Chunk {
  let at = chunk * 4u;
  return Chunk(array(quants[at], quants[at + 1u], quants[at + 2u], quants[at + 3u]));
}

fn weights4(c: Chunk, i: u32) -> vec4f {
  let two = select(c.v[i >> 1u].xy, c.v[i >> 1u].zw, (i & 1u) == 1u);
  return bitcast<vec4f>(vec4u(two.x << 16u, two.x & 0xffff0000u, two.y << 16u, two.y & 0xffff0000u));
}
