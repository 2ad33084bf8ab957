// Attention with online softmax (Milakov and Gimelshein, 2018): one workgroup per query head and token.
// Each round takes four positions per thread: a thread scores its positions, then sums up its units of the head.
// The cache's file says how keys and values are read. `window` and `chunk` are larger than any position, and `softcap` is 0, where the operation has none.
struct Params {
  heads: u32, kv_heads: u32, head_dim: u32, value_dim: u32, window: u32, chunk: u32, has_prefix: u32, has_slopes: u32,
  scale: f32, softcap: f32
}
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> q: array<unit>;
@group(0) @binding(5) var<storage, read> slopes: array<f32>;
@group(0) @binding(6) var<storage, read> successive: array<unit>;
@group(0) @binding(7) var<storage, read> inter: array<unit>;
@group(0) @binding(8) var<storage, read_write> y: array<unit>;

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
  let kv_head = head / (params.heads / params.kv_heads);
  let k_units = params.head_dim / unit_values;
  let k_row = params.kv_heads * k_units;
  let k_stride = row_stride(k_row);
  let k_shift = kv_head * k_units;
  let v_units = params.value_dim / unit_values;
  let v_row = params.kv_heads * v_units;
  let v_stride = row_stride(v_row);
  let v_shift = kv_head * v_units;
  let q_start = (token * params.heads + head) * k_units;
  let y_start = (token * params.heads + head) * v_units;

  let own = step.position + token;
  let end = max(own + 1u, select(0u, step.prefix, params.has_prefix != 0u));
  let begin = own + 1u - min(own + 1u, params.window);
  let chunk_start = own - own % params.chunk;
  let previous_start = chunk_start - min(chunk_start, params.chunk);
  var slope = 0.0;
  if (params.has_slopes != 0u) { slope = slopes[head]; }
  for (var i = thread; i < v_units; i += threads) { sums[i] = unit(); }

  var highest = lowest;
  var total = 0.0;
  // One stretch of rows for each query that meets them: a single one without chunks.
  var first = begin;
  while (first < end) {
    var stop = end;
    if (first < previous_start) { stop = previous_start; } else if (first < chunk_start) { stop = chunk_start; }
    for (var i = thread; i < k_units; i += threads) {
      var one = q[q_start + i];
      if (first < previous_start) { one = inter[q_start + i]; } else if (first < chunk_start) { one = successive[q_start + i]; }
      query[i] = one * params.scale;
    }
    workgroupBarrier();

    for (var base = first; base < stop; base += 4u * threads) {
      let positions = vec4u(base + 4u * thread) + vec4u(0u, 1u, 2u, 3u);
      let inside = positions < vec4u(stop);
      let rows = min(positions, vec4u(stop - 1u)) * k_stride;
      var scores = vec4f();
      for (var i = 0u; i < k_units; i++) {
        let one = query[i];
        let at = k_shift + i;
        scores += vec4f(
          dot(one, key(rows.x, at, k_row)),
          dot(one, key(rows.y, at, k_row)),
          dot(one, key(rows.z, at, k_row)),
          dot(one, key(rows.w, at, k_row)),
        );
      }
      // Beyond 15 tanh is 1 in f32, and drivers compute it from exponentials that overflow.
      if (params.softcap > 0.0) {
        scores = params.softcap * tanh(clamp(scores / params.softcap, vec4f(-15.0), vec4f(15.0)));
      }
      scores += slope * (vec4f(positions) - f32(own));
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
      // Positions beyond the stretch have weight 0 and a row of finite numbers, the cache's own.
      let quads = min(threads, (stop - base + 3u) / 4u);
      for (var i = thread; i < v_units; i += threads) {
        var sum = sums[i] * shrink;
        let at = v_shift + i;
        var row = base * v_stride;
        for (var quad = 0u; quad < quads; quad++) {
          let w = weight[quad];
          sum += w.x * value(row, at, v_row) + w.y * value(row + v_stride, at, v_row);
          sum += w.z * value(row + 2u * v_stride, at, v_row) + w.w * value(row + 3u * v_stride, at, v_row);
          row += 4u * v_stride;
        }
        sums[i] = sum;
      }
    }
    first = stop;
  }
  workgroupBarrier();
  partial[thread] = total;
  for (var half = threads / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (thread < half) { partial[thread] += partial[thread + half]; }
  }
  workgroupBarrier();
  for (var i = thread; i < v_units; i += threads) { y[y_start + i] = sums[i] / partial[0]; }
}
