// sigmoid(x) = 1 / (1 + exp(-x)). WGSL leaves exp undefined where it overflows, above 88, hence the clamp.
fn activation(v: f32) -> f32 {
  return 1.0 / (1.0 + exp(min(-v, 80.0)));
}
