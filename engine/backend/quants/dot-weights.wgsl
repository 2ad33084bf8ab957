// For types whose weights have to be made one by one.
fn x_factor(part: u32) -> vec4f { return vec4f(1.0); }

fn chunk_dot(c: Chunk, s: SharedX) -> f32 {
  var a = weights4(c, 0u) * s.v0;
  a = fma(weights4(c, 1u), s.v1, a);
  a = fma(weights4(c, 2u), s.v2, a);
  a = fma(weights4(c, 3u), s.v3, a);
  a = fma(weights4(c, 4u), s.v4, a);
  a = fma(weights4(c, 5u), s.v5, a);
  a = fma(weights4(c, 6u), s.v6, a);
  a = fma(weights4(c, 7u), s.v7, a);
  return dot(a, vec4f(1.0));
}
