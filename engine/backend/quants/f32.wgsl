// f32: the quants plane is the values, four per word; no scales.
// A chunk is 32 consecutive values of a row; weights4 gives values 4i to 4i + 3 of it.
@group(0) @binding(2) var<storage, read> quants: array<vec4f>;
@group(0) @binding(3) var<storage, read> scales: array<u32>;

struct Chunk { at: u32 }

fn load_chunk(chunk: u32) -> Chunk {
  return Chunk(chunk * 8u);
}

fn weights4(c: Chunk, i: u32) -> vec4f {
  return quants[c.at + i];
}
