// max(x, 0)^2
fn activation(v: f32) -> f32 {
  let positive = max(v, 0.0);
  return positive * positive;
}
