// y = x + (sum of r * k * weight) * v over each head's columns; one workgroup per head and token.
struct Params { cols: u32, width: u32 }
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read> r: array<f32>;
@group(0) @binding(4) var<storage, read> k: array<f32>;
@group(0) @binding(5) var<storage, read> v: array<f32>;
@group(0) @binding(6) var<storage, read> weight: array<f32>;
@group(0) @binding(7) var<storage, read_write> y: array<f32>;

const threads = 64u;
var<workgroup> partial: array<f32, threads>;

@compute @workgroup_size(threads)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let column = group.x * params.width;
  let first = group.y * params.cols + column;
  var sum = 0.0;
  for (var i = thread; i < params.width; i += threads) {
    sum = fma(r[first + i] * k[first + i], weight[column + i], sum);
  }
  partial[thread] = sum;
  for (var half = threads / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (thread < half) { partial[thread] += partial[thread + half]; }
  }
  workgroupBarrier();
  for (var i = thread; i < params.width; i += threads) {
    y[first + i] = fma(partial[0], v[first + i], x[first + i]);
  }
}
