// For q8_0. Bytes are multiplied where they stand, 128 up so that they have no sign; x and its sum make up for it.
fn x_factor(part: u32) -> vec4f { return vec4f(1.0, 0x1p-8, 0x1p-16, 1.0); }

fn bytes_dot(signed: u32, v: vec4f, sum: f32) -> f32 {
  let q = signed ^ 0x80808080u;
  var s = fma(f32(i32(q & 0xffu)), v.x, sum);
  s = fma(f32(i32(q & 0xff00u)), v.y, s);
  s = fma(f32(i32(q & 0xff0000u)), v.z, s);
  return fma(f32(i32(q >> 24u)), v.w, s);
}

fn chunk_dot(c: Chunk, s: SharedX) -> f32 {
  // Two sums, so that one does not wait for the other.
  var first = bytes_dot(c.a.x, s.v0, 0.0);
  var second = bytes_dot(c.b.x, s.v4, 0.0);
  first = bytes_dot(c.a.y, s.v1, first);
  second = bytes_dot(c.b.y, s.v5, second);
  first = bytes_dot(c.a.z, s.v2, first);
  second = bytes_dot(c.b.z, s.v6, second);
  first = bytes_dot(c.a.w, s.v3, first);
  second = bytes_dot(c.b.w, s.v7, second);
  return c.d * fma(-128.0, s.sum, first + second);
}
