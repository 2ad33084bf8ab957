// q8_0: d * q with signed bytes; scales holds two half-float d per word.
// A chunk is 32 consecutive values of a row; weights4 gives values 4i to 4i + 3 of it.
@group(0) @binding(2) var<storage, read> quants: array<vec4u>;
@group(0) @binding(3) var<storage, read> scales: array<u32>;

struct Chunk { a: vec4u, b: vec4u, d: f32 }

fn load_chunk(chunk: u32) -> Chunk {
  let two = unpack2x16float(scales[chunk >> 1u]);
  return Chunk(quants[2u * chunk], quants[2u * chunk + 1u], select(two.x, two.y, (chunk & 1u) == 1u));
}

fn weights4(c: Chunk, i: u32) -> vec4f {
  return vec4f(unpack4xI8(select(c.b[i & 3u], c.a[i & 3u], i < 4u))) * c.d;
}
