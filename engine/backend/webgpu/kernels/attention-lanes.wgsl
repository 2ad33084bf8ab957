// Attention with online softmax (Milakov and Gimelshein, 2018) on software adapters, where the number of loads is the cost: a workgroup
// is one subgroup, and takes `queries` of one head of keys and values, tokens and heads alike; it has as many lanes or more. It goes over the
// rows in blocks of four per lane. For scores a lane has four rows and the queries are spread, for sums a lane has four columns and the
// weights are. No barriers, no memory that lanes share.
struct Params {
  heads: u32, kv_heads: u32, head_dim: u32, value_dim: u32, window: u32, chunk: u32, has_prefix: u32, has_slopes: u32,
  scale: f32, softcap: f32
}
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> q: array<unit>;
@group(0) @binding(5) var<storage, read> slopes: array<f32>;
@group(0) @binding(8) var<storage, read_write> y: array<unit>;

// Less than any score, and more than `masked`, so that a masked row has weight 0 even before the first one that counts.
const lowest = -1e30;
const masked = -3.4e38;
const most_columns = 64u / lanes;

@compute @workgroup_size(lanes)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(subgroup_invocation_id) subgroup_lane: u32) {
  let mine = subgroup_lane & (lanes - 1u);
  let kv_head = group.x;
  let heads = params.heads / params.kv_heads;
  let k_units = params.head_dim / 4u;
  let k_row = params.kv_heads * k_units;
  let k_stride = row_stride(k_row);
  let k_shift = kv_head * k_units;
  let v_units = params.value_dim / 4u;
  let v_row = params.kv_heads * v_units;
  let v_stride = row_stride(v_row);
  let v_shift = kv_head * v_units;

  // Queries in the order of their tokens; lanes beyond the last one repeat it.
  let count = step.n_tokens * heads;
  let first_query = group.y * queries;
  let query = min(first_query + min(mine, queries - 1u), count - 1u);
  let token = query / heads;
  let head = kv_head * heads + query % heads;
  let q_start = (token * params.heads + head) * k_units;
  let own = step.position + token;
  let prefix = select(0u, step.prefix, params.has_prefix != 0u);
  let end = max(own + 1u, prefix);
  let begin = own + 1u - min(own + 1u, params.window);
  var slope = 0.0;
  if (params.has_slopes != 0u) { slope = slopes[head]; }
  // What any of the queries sees.
  let first_own = step.position + first_query / heads;
  let last_own = step.position + min(first_query + queries - 1u, count - 1u) / heads;
  let first = first_own + 1u - min(first_own + 1u, params.window);
  let stop = max(last_own + 1u, prefix);

  // Lane i has what belongs to query i, but of sums its own columns.
  var highest = lowest;
  var totals = array<f32, queries>();
  var sums = array<vec4f, queries * most_columns>();
  let columns = (v_units + lanes - 1u) / lanes;
  for (var base = first; base < stop; base += 4u * lanes) {
    let positions = vec4u(base + mine) + vec4u(0u, lanes, 2u * lanes, 3u * lanes);
    let rows = min(positions, vec4u(stop - 1u)) * k_stride;
    var scores = array<vec4f, queries>();
    for (var i = 0u; i < k_units; i++) {
      let one = q[q_start + i];
      let at = k_shift + i;
      let a = key(rows.x, at, k_row);
      let b = key(rows.y, at, k_row);
      let c = key(rows.z, at, k_row);
      let d = key(rows.w, at, k_row);
      for (var j = 0u; j < queries; j++) {
        let it = subgroupShuffle(one, j);
        scores[j] += vec4f(dot(it, a), dot(it, b), dot(it, c), dot(it, d));
      }
    }
    var higher = highest;
    for (var j = 0u; j < queries; j++) {
      var score = scores[j] * params.scale;
      // Beyond 15 tanh is 1 in f32, and drivers compute it from exponentials that overflow.
      if (params.softcap > 0.0) {
        score = params.softcap * tanh(clamp(score / params.softcap, vec4f(-15.0), vec4f(15.0)));
      }
      score += subgroupShuffle(slope, j) * (vec4f(positions) - f32(subgroupShuffle(own, j)));
      let inside = (positions >= vec4u(subgroupShuffle(begin, j))) & (positions < vec4u(subgroupShuffle(end, j)));
      score = select(vec4f(masked), score, inside);
      scores[j] = score;
      var most = max(max(score.x, score.y), max(score.z, score.w));
      for (var other = lanes / 2u; other > 0u; other /= 2u) { most = max(most, subgroupShuffleXor(most, other)); }
      higher = select(higher, max(higher, most), mine == j);
    }
    let shrink = exp(highest - higher);
    highest = higher;
    for (var j = 0u; j < queries; j++) {
      scores[j] = exp(scores[j] - subgroupShuffle(higher, j));
      totals[j] = totals[j] * subgroupShuffle(shrink, j) + dot(scores[j], vec4f(1.0));
    }
    for (var column = 0u; column < columns; column++) {
      let at = v_shift + min(column * lanes + mine, v_units - 1u);
      var sum = array<vec4f, queries>();
      for (var j = 0u; j < queries; j++) { sum[j] = sums[column * queries + j] * subgroupShuffle(shrink, j); }
      var weights = scores;
      for (var row = base; row < min(base + 4u * lanes, stop); row += lanes) {
        for (var l = 0u; l < lanes; l++) {
          let it = value(min(row + l, stop - 1u) * v_stride, at, v_row);
          for (var j = 0u; j < queries; j++) { sum[j] += subgroupShuffle(weights[j].x, l) * it; }
        }
        for (var j = 0u; j < queries; j++) { weights[j] = weights[j].yzwx; }
      }
      for (var j = 0u; j < queries; j++) { sums[column * queries + j] = sum[j]; }
    }
  }
  for (var j = 0u; j < queries; j++) {
    var total = totals[j];
    for (var other = lanes / 2u; other > 0u; other /= 2u) { total += subgroupShuffleXor(total, other); }
    if (first_query + j >= count) { break; }
    let its_token = (first_query + j) / heads;
    let its_head = kv_head * heads + (first_query + j) % heads;
    let y_start = (its_token * params.heads + its_head) * v_units;
    for (var column = 0u; column < columns; column++) {
      let at = column * lanes + mine;
      if (at < v_units) { y[y_start + at] = sums[column * queries + j] / total; }
    }
  }
}
