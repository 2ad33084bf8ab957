// silu(x) = x * sigmoid(x). WGSL leaves exp undefined where it overflows, above 88, hence the clamp.
fn activation(v: f32) -> f32 {
  return v / (1.0 + exp(min(-v, 80.0)));
}
