// gelu(x) = x/2 (1 + erf(x / sqrt(2))). With erfc of |x|, so that nothing cancels in the negative tail.
// erfc by Abramowitz and Stegun 7.1.26, whose error is below 1.5e-7. The clamp keeps exp above the smallest normal number.
fn activation(v: f32) -> f32 {
  let z = min(abs(v) * 0.7071067811865476, 9.0);
  let t = 1.0 / (1.0 + 0.3275911 * z);
  let sum = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  let tail = 0.5 * v * sum * exp(-z * z);
  return select(v - tail, tail, v < 0.0);
}
