// gelu(x) = x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))). WGSL leaves tanh of large values undefined, hence the clamp.
fn activation(v: f32) -> f32 {
  let inner = 0.7978845608028654 * (v + 0.044715 * v * v * v);
  return 0.5 * v * (1.0 + tanh(clamp(inner, -15.0, 15.0)));
}

