// y = (x - mean) / sqrt(variance + eps) * weight + bias over each group of columns; one workgroup per group and token.
// The variance is a second sum, over what is left after the mean: a difference of two sums would cancel.
struct Params { cols: u32, width: u32, has_bias: u32, eps: f32 }
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read> weight: array<f32>;
@group(0) @binding(4) var<storage, read> bias: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;

const threads = 64u;
var<workgroup> partial: array<f32, threads>;

fn sum_of_all(value: f32, thread: u32) -> f32 {
  workgroupBarrier();
  partial[thread] = value;
  for (var half = threads / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (thread < half) { partial[thread] += partial[thread + half]; }
  }
  workgroupBarrier();
  return partial[0];
}

@compute @workgroup_size(threads)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let first = group.x * params.width;
  let row = group.y * params.cols;
  var sum = 0.0;
  for (var i = thread; i < params.width; i += threads) { sum += x[row + first + i]; }
  let mean = sum_of_all(sum, thread) / f32(params.width);
  var squares = 0.0;
  for (var i = thread; i < params.width; i += threads) {
    let v = x[row + first + i] - mean;
    squares = fma(v, v, squares);
  }
  let factor = 1.0 / sqrt(sum_of_all(squares, thread) / f32(params.width) + params.eps);
  for (var i = thread; i < params.width; i += threads) {
    let column = first + i;
    let shift = select(0.0, bias[column], params.has_bias != 0u);
    y[row + column] = (x[row + column] - mean) * factor * weight[column] + shift;
  }
}
