// y = x / max(length of x, eps) over each group of columns; one workgroup per group and token.
struct Params { cols: u32, width: u32, eps: f32 }
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

const threads = 64u;
var<workgroup> partial: array<f32, threads>;

@compute @workgroup_size(threads)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let first = group.y * params.cols + group.x * params.width;
  var sum = 0.0;
  for (var i = thread; i < params.width; i += threads) {
    let v = x[first + i];
    sum = fma(v, v, sum);
  }
  partial[thread] = sum;
  for (var half = threads / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (thread < half) { partial[thread] += partial[thread + half]; }
  }
  workgroupBarrier();
  let factor = 1.0 / max(sqrt(partial[0]), params.eps);
  for (var i = thread; i < params.width; i += threads) { y[first + i] = x[first + i] * factor; }
}
