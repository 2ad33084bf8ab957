// Attention of many tokens with online softmax (Milakov and Gimelshein, 2018) on GPUs: a workgroup takes 32 queries of one head of keys
// and values, tokens and heads alike, and goes over the rows in tiles of 32. A thread has four queries with four rows for scores, and
// the same four queries with every eighth unit of the values for sums. Tiles of queries, keys and weights are shared.
struct Params {
  heads: u32, kv_heads: u32, head_dim: u32, value_dim: u32, window: u32, chunk: u32, has_prefix: u32, has_slopes: u32,
  scale: f32, softcap: f32
}
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> q: array<unit>;
@group(0) @binding(5) var<storage, read> slopes: array<f32>;
@group(0) @binding(8) var<storage, read_write> y: array<unit>;

const queries = 32u;
const tile_rows = 32u;
const tile_units = 8u;
// One unit more than a tile has, so that threads of a column meet different banks.
const stride = 9u;
// Less than any score, and more than `masked`, so that a masked row has weight 0 even before the first one that counts.
const lowest = -1e30;
const masked = -3.4e38;

var<workgroup> query_tile: array<vec4f, queries * stride>;
var<workgroup> key_tile: array<vec4f, tile_rows * stride>;
// Scores, then weights: [row][query], four queries in one.
var<workgroup> weights: array<vec4f, tile_rows * 8u>;
// The highest score of each query, then the sum of its weights, of the rows that one thread has.
var<workgroup> parts: array<vec4f, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
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

  let count = step.n_tokens * heads;
  let first_query = group.y * queries;
  let prefix = select(0u, step.prefix, params.has_prefix != 0u);
  let first_own = step.position + first_query / heads;
  let last_own = step.position + min(first_query + queries - 1u, count - 1u) / heads;
  let first = first_own + 1u - min(first_own + 1u, params.window);
  let stop = max(last_own + 1u, prefix);

  // The thread's queries and rows of a tile: 4 * four + 0 to 3, and column + 0, 8, 16 and 24.
  let four = thread / 8u;
  let column = thread % 8u;
  let own_query = min(vec4u(first_query + 4u * four) + vec4u(0u, 1u, 2u, 3u), vec4u(count - 1u));
  let own = vec4u(step.position) + own_query / heads;
  let end = max(own + 1u, vec4u(prefix));
  let begin = own + 1u - min(own + 1u, vec4u(params.window));
  var slope = vec4f();
  if (params.has_slopes != 0u) {
    let head = vec4u(kv_head * heads) + own_query % heads;
    slope = vec4f(slopes[head.x], slopes[head.y], slopes[head.z], slopes[head.w]);
  }

  var highest = vec4f(lowest);
  var total = vec4f();
  // Four queries for each unit.
  var sums = array<mat4x4f, value_units>();
  for (var base = first; base < stop; base += tile_rows) {
    // Row by row of the tile, a score of each of the four queries.
    var scores = mat4x4f();
    for (var start = 0u; start < k_units; start += tile_units) {
      for (var i = thread; i < queries * tile_units; i += 64u) {
        let line = i / tile_units;
        let at = start + i % tile_units;
        let one = min(first_query + line, count - 1u);
        let head = kv_head * heads + one % heads;
        var from_q = vec4f();
        var from_k = vec4f();
        if (at < k_units) {
          from_q = q[(one / heads * params.heads + head) * k_units + at];
          from_k = key(min(base + line, stop - 1u) * k_stride, k_shift + at, k_row);
        }
        query_tile[line * stride + i % tile_units] = from_q;
        key_tile[line * stride + i % tile_units] = from_k;
      }
      workgroupBarrier();
      for (var i = 0u; i < tile_units; i++) {
        let a = query_tile[(4u * four) * stride + i];
        let b = query_tile[(4u * four + 1u) * stride + i];
        let c = query_tile[(4u * four + 2u) * stride + i];
        let d = query_tile[(4u * four + 3u) * stride + i];
        let turned = transpose(mat4x4f(a, b, c, d));
        scores[0] += turned * key_tile[column * stride + i];
        scores[1] += turned * key_tile[(column + 8u) * stride + i];
        scores[2] += turned * key_tile[(column + 16u) * stride + i];
        scores[3] += turned * key_tile[(column + 24u) * stride + i];
      }
      workgroupBarrier();
    }
    let positions = vec4u(base + column) + vec4u(0u, 8u, 16u, 24u);
    let s0 = finished(scores[0], positions.x, own, slope, begin, end);
    let s1 = finished(scores[1], positions.y, own, slope, begin, end);
    let s2 = finished(scores[2], positions.z, own, slope, begin, end);
    let s3 = finished(scores[3], positions.w, own, slope, begin, end);
    parts[thread] = max(max(s0, s1), max(s2, s3));
    workgroupBarrier();
    var higher = highest;
    for (var i = 0u; i < 8u; i++) { higher = max(higher, parts[8u * four + i]); }
    let shrink = exp(highest - higher);
    highest = higher;
    let w0 = exp(s0 - higher);
    let w1 = exp(s1 - higher);
    let w2 = exp(s2 - higher);
    let w3 = exp(s3 - higher);
    total = total * shrink + w0 + w1 + w2 + w3;
    weights[column * 8u + four] = w0;
    weights[(column + 8u) * 8u + four] = w1;
    weights[(column + 16u) * 8u + four] = w2;
    weights[(column + 24u) * 8u + four] = w3;
    workgroupBarrier();
    for (var u = 0u; u < value_units; u++) {
      let at = v_shift + min(u * 8u + column, v_units - 1u);
      var sum = sums[u];
      sum = mat4x4f(sum[0] * shrink.x, sum[1] * shrink.y, sum[2] * shrink.z, sum[3] * shrink.w);
      for (var row = 0u; row < min(tile_rows, stop - base); row++) {
        let w = weights[row * 8u + four];
        let it = value((base + row) * v_stride, at, v_row);
        sum += mat4x4f(w.x * it, w.y * it, w.z * it, w.w * it);
      }
      sums[u] = sum;
    }
  }
  workgroupBarrier();
  parts[thread] = total;
  workgroupBarrier();
  var whole = vec4f();
  for (var i = 0u; i < 8u; i++) { whole += parts[8u * four + i]; }
  for (var u = 0u; u < value_units; u++) {
    let at = u * 8u + column;
    if (at >= v_units) { break; }
    for (var j = 0u; j < 4u; j++) {
      let one = first_query + 4u * four + j;
      if (one >= count) { break; }
      let head = kv_head * heads + one % heads;
      y[(one / heads * params.heads + head) * v_units + at] = sums[u][j] / whole[j];
    }
  }
}

// Of one row and four queries.
fn finished(products: vec4f, position: u32, own: vec4u, slope: vec4f, begin: vec4u, end: vec4u) -> vec4f {
  var score = products * params.scale;
  // Beyond 15 tanh is 1 in f32, and drivers compute it from exponentials that overflow.
  if (params.softcap > 0.0) {
    score = params.softcap * tanh(clamp(score / params.softcap, vec4f(-15.0), vec4f(15.0)));
  }
  score += slope * (f32(position) - vec4f(own));
  let inside = (vec4u(position) >= begin) & (vec4u(position) < end);
  return select(vec4f(masked), score, inside);
}
