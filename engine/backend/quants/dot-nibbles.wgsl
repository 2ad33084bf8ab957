// For types that are a * q + b with nibbles q in a chunk's `q`, and (a, b) in the type's nibble_affine(chunk). Nibbles are multiplied
// where they stand, x makes up for it: no shifts, one scale a chunk. The highest comes down, or its sign would be wrong.
fn x_factor(part: u32) -> vec4f {
  return select(vec4f(0x1p-4, 0x1p-12, 0x1p-20, 1.0), vec4f(1.0, 0x1p-8, 0x1p-16, 0x1p-24), part < 4u);
}

fn low_dot(q: u32, v: vec4f, sum: f32) -> f32 {
  var s = fma(f32(i32(q & 0xfu)), v.x, sum);
  s = fma(f32(i32(q & 0xf00u)), v.y, s);
  s = fma(f32(i32(q & 0xf0000u)), v.z, s);
  return fma(f32(i32(q & 0xf000000u)), v.w, s);
}

fn high_dot(q: u32, v: vec4f, sum: f32) -> f32 {
  var s = fma(f32(i32(q & 0xf0u)), v.x, sum);
  s = fma(f32(i32(q & 0xf000u)), v.y, s);
  s = fma(f32(i32(q & 0xf00000u)), v.z, s);
  return fma(f32(i32(q >> 28u)), v.w, s);
}

fn chunk_dot(c: Chunk, s: SharedX) -> f32 {
  // Two sums, so that one does not wait for the other.
  var low = low_dot(c.q.x, s.v0, 0.0);
  var high = high_dot(c.q.x, s.v4, 0.0);
  low = low_dot(c.q.y, s.v1, low);
  high = high_dot(c.q.y, s.v5, high);
  low = low_dot(c.q.z, s.v2, low);
  high = high_dot(c.q.z, s.v6, high);
  low = low_dot(c.q.w, s.v3, low);
  high = high_dot(c.q.w, s.v7, high);
  let ab = nibble_affine(c);
  return fma(ab.x, low + high, ab.y * s.sum);
}
