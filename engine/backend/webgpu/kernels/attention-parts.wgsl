// Attention of one token over many rows, in parts (flash-decoding: Dao, Haziza, Massa and Sizov, 2023) with online softmax: a workgroup
// takes one part of the rows and `queries` heads of those that share keys and values, and leaves the highest score, the sum of weights and
// the weighted sums for join-parts.wgsl. It goes over its rows in tiles of 64: a thread scores one row for all queries, then a few threads
// of each query weigh them, then a thread sums up one unit of the values for all queries, over every so many rows.
struct Params {
  heads: u32, kv_heads: u32, head_dim: u32, value_dim: u32, window: u32, chunk: u32, has_prefix: u32, has_slopes: u32,
  scale: f32, softcap: f32
}
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> q: array<unit>;
@group(0) @binding(5) var<storage, read> slopes: array<f32>;
// Of each head, part after part: the highest score and the sum of weights, then the weighted sums.
@group(0) @binding(8) var<storage, read_write> y: array<vec4f>;

const threads = 64u;
const tile_rows = 64u;
// Threads that weigh the rows of one query.
const share = threads / queries;
// More than a tile has, so that threads of different queries meet different banks.
const stride = tile_rows + share;
// Less than any score, and more than `masked`, so that a masked row has weight 0 even before the first one that counts.
const lowest = -1e30;
const masked = -3.4e38;

// Queries, and in the end what threads have summed up.
var<workgroup> shared_units: array<vec4f, queries * 64u>;
var<workgroup> weights: array<f32, queries * stride>;
var<workgroup> partial: array<f32, threads>;
var<workgroup> shrinks: array<f32, queries>;

@compute @workgroup_size(threads)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let kv_head = group.x;
  let part = group.y % parts;
  let heads = params.heads / params.kv_heads;
  let k_units = params.head_dim / 4u;
  let k_row = params.kv_heads * k_units;
  let k_stride = row_stride(k_row);
  let k_shift = kv_head * k_units;
  let v_units = params.value_dim / 4u;
  let v_row = params.kv_heads * v_units;
  let v_stride = row_stride(v_row);
  let v_shift = kv_head * v_units;

  let rows = rows_of(params.window);
  let length = part_length(rows.y - rows.x);
  let first = rows.x + part * length;
  let stop = min(first + length, rows.y);
  if (first >= rows.y) { return; }

  // Queries beyond the last one repeat it.
  let first_query = group.y / parts * queries;
  for (var i = thread; i < queries * k_units; i += threads) {
    let head = kv_head * heads + min(first_query + i / k_units, heads - 1u);
    shared_units[i] = q[head * k_units + i % k_units] * params.scale;
  }
  // The query that this thread weighs rows of, and which of them.
  let own = thread / share;
  let own_row = thread % share;
  let own_head = kv_head * heads + min(first_query + own, heads - 1u);
  var slope = 0.0;
  if (params.has_slopes != 0u) { slope = slopes[own_head]; }
  // The unit of the values that this thread sums up, and of which rows.
  let row_groups = threads / v_units;
  let unit_index = thread % v_units;
  let row_group = thread / v_units;

  var highest = lowest;
  var total = 0.0;
  var sums = array<vec4f, queries>();
  for (var base = first; base < stop; base += tile_rows) {
    workgroupBarrier();
    let row = min(base + thread, stop - 1u) * k_stride;
    var scores = array<f32, queries>();
    for (var i = 0u; i < k_units; i++) {
      let it = key(row, k_shift + i, k_row);
      for (var j = 0u; j < queries; j++) { scores[j] += dot(shared_units[j * k_units + i], it); }
    }
    for (var j = 0u; j < queries; j++) { weights[j * stride + thread] = scores[j]; }
    workgroupBarrier();
    var most = lowest;
    for (var i = own_row; i < tile_rows; i += share) {
      var score = weights[own * stride + i];
      // Beyond 15 tanh is 1 in f32, and drivers compute it from exponentials that overflow.
      if (params.softcap > 0.0) {
        score = params.softcap * tanh(clamp(score / params.softcap, -15.0, 15.0));
      }
      score += slope * (f32(base + i) - f32(step.position));
      score = select(masked, score, base + i < stop);
      weights[own * stride + i] = score;
      most = max(most, score);
    }
    partial[thread] = most;
    workgroupBarrier();
    var higher = highest;
    for (var i = 0u; i < share; i++) { higher = max(higher, partial[own * share + i]); }
    let shrink = exp(highest - higher);
    highest = higher;
    total *= shrink;
    for (var i = own_row; i < tile_rows; i += share) {
      let weight = exp(weights[own * stride + i] - higher);
      weights[own * stride + i] = weight;
      total += weight;
    }
    if (own_row == 0u) { shrinks[own] = shrink; }
    workgroupBarrier();
    for (var j = 0u; j < queries; j++) { sums[j] *= shrinks[j]; }
    if (row_group < row_groups) {
      for (var i = row_group; i < min(tile_rows, stop - base); i += row_groups) {
        let it = value((base + i) * v_stride, v_shift + unit_index, v_row);
        for (var j = 0u; j < queries; j++) { sums[j] += weights[j * stride + i] * it; }
      }
    }
  }
  workgroupBarrier();
  partial[thread] = total;
  for (var j = 0u; j < queries; j++) { shared_units[j * threads + thread] = sums[j]; }
  workgroupBarrier();
  for (var i = thread; i < queries * v_units; i += threads) {
    let j = i / v_units;
    let at = i % v_units;
    if (first_query + j >= heads) { break; }
    var sum = vec4f();
    for (var l = 0u; l < row_groups; l++) { sum += shared_units[j * threads + l * v_units + at]; }
    y[part_start(kv_head * heads + first_query + j, part, v_units) + 1u + at] = sum;
  }
  if (own_row == 0u && first_query + own < heads) {
    var whole = 0.0;
    for (var i = 0u; i < share; i++) { whole += partial[own * share + i]; }
    y[part_start(own_head, part, v_units)] = vec4f(highest, whole, 0.0, 0.0);
  }
}
