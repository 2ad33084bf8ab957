// f16: the quants plane is the values, four per pair of words; no scales.
// A chunk is 32 consecutive values of a row; weights4 gives values 4i to 4i + 3 of it.
@group(0) @binding(2) var<storage, read> quants: array<vec2u>;
@group(0) @binding(3) var<storage, read> scales: array<u32>;

struct Chunk { at: u32 }

fn load_chunk(chunk: u32) -> Chunk {
  return Chunk(chunk * 8u);
}

// unpack2x16float works without the feature shader-f16.
fn weights4(c: Chunk, i: u32) -> vec4f {
  let two = quants[c.at + i];
  return vec4f(unpack2x16float(two.x), unpack2x16float(two.y));
}
