// q8_0 as integers: weight = affine.x * integer + affine.y.
fn integers4(c: Chunk, i: u32) -> u32 {
  return select(c.b[i & 3u], c.a[i & 3u], i < 4u);
}

fn affine(c: Chunk) -> vec2f {
  return vec2f(c.d, 0.0);
}
