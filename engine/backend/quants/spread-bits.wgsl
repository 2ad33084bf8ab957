// Bits 4i to 4i + 3 of a word as the lowest bits of four bytes: copies 7 bits apart bring each of them to its byte.
fn spread4(word: u32, i: u32) -> u32 {
  return (((word >> (4u * i)) & 15u) * 0x00204081u) & 0x01010101u;
}

