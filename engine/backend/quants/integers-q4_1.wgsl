// q4_1 and q4_k as integers: weight = affine.x * integer + affine.y.
fn integers4(c: Chunk, i: u32) -> u32 {
  return (c.q[i & 3u] >> select(4u, 0u, i < 4u)) & 0x0f0f0f0fu;
}

fn affine(c: Chunk) -> vec2f {
  return c.d;
}
