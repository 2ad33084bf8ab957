// q5_0 as integers: weight = affine.x * integer + affine.y.
fn integers4(c: Chunk, i: u32) -> u32 {
  let low = (c.q[i & 3u] >> select(4u, 0u, i < 4u)) & 0x0f0f0f0fu;
  return low | (spread4(c.high, i) << 4u);
}

fn affine(c: Chunk) -> vec2f {
  return vec2f(c.d, -16.0 * c.d);
}
