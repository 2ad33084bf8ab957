// Causal attention with online softmax (Milakov and Gimelshein, 2018): one workgroup per query head and token.
// Each round takes four positions per thread: a thread scores its positions, then sums up its units of the head.
struct Params { heads: u32, head_dim: u32, group: u32, kv_cols: u32, scale: f32 }
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> q: array<unit>;
@group(0) @binding(3) var<storage, read> k: array<unit>;
@group(0) @binding(4) var<storage, read> v: array<unit>;
@group(0) @binding(5) var<storage, read_write> y: array<unit>;

// A power of two.
override threads: u32;
const lowest = -3.4e38;
var<workgroup> query: array<unit, 256u / unit_values>;
var<workgroup> sums: array<unit, 256u / unit_values>;
var<workgroup> weight: array<vec4f, threads>;
var<workgroup> partial: array<f32, threads>;

@compute @workgroup_size(threads)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let head = group.x;
  let token = group.y;
  let units = params.head_dim / unit_values;
  let stride = params.kv_cols / unit_values;
  let shift = (head / params.group) * units;
  let start = (token * params.heads + head) * units;
  let end = step.position + token + 1u;
  for (var i = thread; i < units; i += threads) {
    query[i] = q[start + i] * params.scale;
    sums[i] = unit();
  }
  workgroupBarrier();

  var highest = lowest;
  var total = 0.0;
  for (var base = 0u; base < end; base += 4u * threads) {
    let positions = vec4u(base + 4u * thread) + vec4u(0u, 1u, 2u, 3u);
    let inside = positions < vec4u(end);
    let rows = min(positions, vec4u(end - 1u)) * stride + shift;
    var scores = vec4f();
    for (var i = 0u; i < units; i++) {
      let one = query[i];
      scores += vec4f(dot(one, k[rows.x + i]), dot(one, k[rows.y + i]), dot(one, k[rows.z + i]), dot(one, k[rows.w + i]));
    }
    scores = select(vec4f(lowest), scores, inside);
    partial[thread] = max(max(scores.x, scores.y), max(scores.z, scores.w));
    for (var half = threads / 2u; half > 0u; half /= 2u) {
      workgroupBarrier();
      if (thread < half) { partial[thread] = max(partial[thread], partial[thread + half]); }
    }
    workgroupBarrier();
    let higher = max(highest, partial[0]);
    let shrink = exp(highest - higher);
    highest = higher;
    let weights = select(vec4f(), exp(scores - higher), inside);
    weight[thread] = weights;
    total = total * shrink + dot(weights, vec4f(1.0));
    workgroupBarrier();
    // Positions beyond the end have weight 0 and a row of finite numbers, the cache's own.
    let quads = min(threads, (end - base + 3u) / 4u);
    for (var i = thread; i < units; i += threads) {
      var sum = sums[i] * shrink;
      var row = base * stride + shift + i;
      for (var quad = 0u; quad < quads; quad++) {
        let w = weight[quad];
        sum += w.x * v[row] + w.y * v[row + stride] + w.z * v[row + 2u * stride] + w.w * v[row + 3u * stride];
        row += 4u * stride;
      }
      sums[i] = sum;
    }
  }
  workgroupBarrier();
  partial[thread] = total;
  for (var half = threads / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (thread < half) { partial[thread] += partial[thread + half]; }
  }
  workgroupBarrier();
  for (var i = thread; i < units; i += threads) { y[start + i] = sums[i] / partial[0]; }
}
