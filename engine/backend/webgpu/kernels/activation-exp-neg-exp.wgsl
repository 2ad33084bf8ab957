// exp(-exp(x)), the decay of recurrent models. At the clamp it is 4e-36, and WGSL leaves exp undefined where it overflows.
fn activation(v: f32) -> f32 {
  return exp(-exp(min(v, 4.4)));
}
