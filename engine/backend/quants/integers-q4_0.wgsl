// q4_0 as integers: weight = affine.x * integer + affine.y.
fn integers4(c: Chunk, i: u32) -> u32 {
  return (c.q[i & 3u] >> select(4u, 0u, i < 4u)) & 0x0f0f0f0fu;
}

fn affine(c: Chunk) -> vec2f {
  return vec2f(c.d, -8.0 * c.d);
}
