// Causal attention with online softmax (Milakov and Gimelshein, 2018): one workgroup per query head and token.
// Each round takes 64 positions: thread = position for the scores, thread = unit of the head for the weighted sum.
struct Params { heads: u32, head_dim: u32, group: u32, kv_cols: u32, scale: f32 }
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> q: array<unit>;
@group(0) @binding(3) var<storage, read> k: array<unit>;
@group(0) @binding(4) var<storage, read> v: array<unit>;
@group(0) @binding(5) var<storage, read_write> y: array<unit>;

const threads = 64u;
const lowest = -3.4e38;
var<workgroup> query: array<unit, 256u / unit_values>;
var<workgroup> weight: array<f32, threads>;
var<workgroup> partial: array<f32, threads>;

@compute @workgroup_size(threads)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let head = group.x;
  let token = group.y;
  let units = params.head_dim / unit_values;
  let stride = params.kv_cols / unit_values;
  let shift = (head / params.group) * units;
  let first = (token * params.heads + head) * units;
  let end = step.position + token + 1u;
  for (var i = thread; i < units; i += threads) { query[i] = q[first + i] * params.scale; }
  workgroupBarrier();

  // 256 values of a head are at most two units per thread.
  var sum0 = unit();
  var sum1 = unit();
  var highest = lowest;
  var total = 0.0;
  for (var base = 0u; base < end; base += threads) {
    let position = base + thread;
    var score = lowest;
    if (position < end) {
      let row = position * stride + shift;
      score = 0.0;
      for (var i = 0u; i < units; i++) { score += dot(query[i], k[row + i]); }
    }
    partial[thread] = score;
    for (var half = threads / 2u; half > 0u; half /= 2u) {
      workgroupBarrier();
      if (thread < half) { partial[thread] = max(partial[thread], partial[thread + half]); }
    }
    workgroupBarrier();
    let higher = max(highest, partial[0]);
    let shrink = exp(highest - higher);
    highest = higher;
    weight[thread] = select(0.0, exp(score - higher), position < end);
    workgroupBarrier();
    sum0 *= shrink;
    sum1 *= shrink;
    total *= shrink;
    let count = min(threads, end - base);
    for (var i = 0u; i < count; i++) {
      let w = weight[i];
      let row = (base + i) * stride + shift + thread;
      total += w;
      if (thread < units) { sum0 += w * v[row]; }
      if (thread + threads < units) { sum1 += w * v[row + threads]; }
    }
    workgroupBarrier();
  }
  if (thread < units) { y[first + thread] = sum0 / total; }
  if (thread + threads < units) { y[first + thread + threads] = sum1 / total; }
}
