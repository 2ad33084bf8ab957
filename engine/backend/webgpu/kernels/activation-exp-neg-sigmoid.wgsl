// exp(-sigmoid(x) / sqrt(e)), a decay that is never below 0.545. WGSL leaves exp undefined where it overflows, hence the clamp.
fn activation(v: f32) -> f32 {
  return exp(-0.60653066 / (1.0 + exp(min(-v, 80.0))));
}
