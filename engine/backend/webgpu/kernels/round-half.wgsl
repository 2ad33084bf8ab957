// The half float nearest to each value, ties to even: pack2x16float alone may round either way. Beyond the largest half, that one.
fn round_half(values: vec2f) -> u32 {
  let bits = bitcast<vec2u>(clamp(values, vec2f(-65504.0), vec2f(65504.0)));
  let rounded = (bits + 0xfffu + ((bits >> vec2u(13u)) & vec2u(1u))) & vec2u(0xffffe000u);
  return pack2x16float(bitcast<vec2f>(rounded));
}
