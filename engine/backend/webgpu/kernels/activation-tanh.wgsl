// tanh(x). WGSL leaves it undefined for large values, hence the clamp.
fn activation(v: f32) -> f32 {
  return tanh(clamp(v, -15.0, 15.0));
}
