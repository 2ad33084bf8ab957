// The highest of some logits, and the sum of e to the power of how far each is below it.
struct Sum { highest: f32, sum: f32 }

const no_sum = Sum(-3.4e38, 0.0);

fn join_sums(a: Sum, b: Sum) -> Sum {
  let highest = max(a.highest, b.highest);
  return Sum(highest, a.sum * power(a.highest - highest) + b.sum * power(b.highest - highest));
}

// What is further below adds nothing, and infinities stay out of the exponential.
fn power(below: f32) -> f32 {
  return exp(max(below, -80.0));
}
