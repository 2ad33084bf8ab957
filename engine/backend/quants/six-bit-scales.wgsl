// q4_k and q5_k: the 16-byte head of a block of 8 chunks, (d, dmin) and eight 6-bit scales and minimums in 12 bytes.
// Bytes 0-3 and 4-7 of head.yzw hold 6 bits of scales and minimums 0-3 and, on top, 2 bits of 4-7; bytes 8-11 their low bits.
fn scale_and_min(head: vec4u, part: u32) -> vec2f {
  let shift = 8u * (part & 3u);
  let a = (head.y >> shift) & 255u;
  let b = (head.z >> shift) & 255u;
  let c = (head.w >> shift) & 255u;
  let first = part < 4u;
  let scale = select((c & 15u) | ((a >> 6u) << 4u), a & 63u, first);
  let min = select((c >> 4u) | ((b >> 6u) << 4u), b & 63u, first);
  let d = unpack2x16float(head.x);
  return vec2f(d.x * f32(scale), -d.y * f32(min));
}

