// Rows of a cache of q8_0, laid out as cache-q8_0.wgsl reads them.

// Words of a row of so many units of four values, its scales among them.
fn row_words(units: u32) -> u32 { return (units + (units + 15u) / 16u + 3u) / 4u * 4u; }

// Four quants. Rounds as the file format's reference does.
fn round_unit(values: vec4f, scale: f32) -> u32 {
  var inverse = 0.0;
  if (scale > 0.0) { inverse = 1.0 / scale; }
  let scaled = values * inverse;
  // Halves away from zero, which round() is not.
  return pack4xI8(vec4i(sign(scaled) * floor(abs(scaled) + 0.5)));
}
