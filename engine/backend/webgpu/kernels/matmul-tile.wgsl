// Prefill on real GPUs and without subgroups: a tile of 64 rows by 32 tokens, decoded once into workgroup memory,
// 4 by 4 results per thread. Reads x value by value, so any row length is right.
@group(0) @binding(4) var<storage, read> x: array<f32>;

const threads = 128u;
const tile_rows = 64u;
const tile_tokens = 32u;
// [value of the chunk][row] and [value of the chunk][token]; one column more than needed spreads the banks.
const row_stride = 65u;
const token_stride = 33u;
var<workgroup> weight_tile: array<f32, 32u * row_stride>;
var<workgroup> x_tile: array<f32, 32u * token_stride>;
// Of each token, by the four threads that fetch it.
var<workgroup> token_squares: array<vec4f, tile_tokens>;

@compute @workgroup_size(threads)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let first_row = group.x * tile_rows;
  let first_token = group.y * tile_tokens;
  // Two threads decode one row of the tile, half a chunk each.
  let my_row = thread % tile_rows;
  let my_half = thread / tile_rows;
  let row = min(first_row + my_row, params.rows - 1u);
  let first = first_chunk(row);
  let beside = rows_beside(row);
  // Four threads fetch one token of the tile, eight values each.
  let my_token = thread / 4u;
  let my_values = (thread % 4u) * 8u;
  let token = min(first_token + my_token, step.n_tokens - 1u);
  // A thread has rows r, r + 8, r + 32 and r + 40; its neighbors read other banks.
  let r = thread % 16u / 8u * 16u + thread % 8u;
  let t = thread / 16u;
  var sum0 = vec4f();
  var sum1 = vec4f();
  var sum2 = vec4f();
  var sum3 = vec4f();
  var squares = 0.0;
  // 32, but a constant would be unrolled, and software adapters compile that for half a minute.
  let values = min(32u, params.chunks * 32u);
  for (var chunk = 0u; chunk < params.chunks; chunk++) {
    let w = load_chunk(first + later_chunk(beside, chunk));
    for (var i = my_half * 4u; i < my_half * 4u + 4u; i++) {
      let v = weights4(w, i);
      let at = 4u * i * row_stride + my_row;
      weight_tile[at] = v.x;
      weight_tile[at + row_stride] = v.y;
      weight_tile[at + 2u * row_stride] = v.z;
      weight_tile[at + 3u * row_stride] = v.w;
    }
    for (var i = my_values; i < my_values + 8u; i++) {
      let column = chunk * 32u + i;
      var v = 0.0;
      if (column < params.cols) { v = x[token * params.cols + column]; }
      squares += square(vec4f(v, 0.0, 0.0, 0.0));
      x_tile[i * token_stride + my_token] = weighed_value(v, min(column, params.cols - 1u));
    }
    workgroupBarrier();
    for (var i = 0u; i < values; i++) {
      let at = i * row_stride + r;
      let v = vec4f(weight_tile[at], weight_tile[at + 8u], weight_tile[at + 32u], weight_tile[at + 40u]);
      let xt = i * token_stride + t;
      sum0 = fma(v, vec4f(x_tile[xt]), sum0);
      sum1 = fma(v, vec4f(x_tile[xt + 8u]), sum1);
      sum2 = fma(v, vec4f(x_tile[xt + 16u]), sum2);
      sum3 = fma(v, vec4f(x_tile[xt + 24u]), sum3);
    }
    workgroupBarrier();
  }
  token_squares[my_token][thread % 4u] = squares;
  workgroupBarrier();
  store_rows(first_row + r, first_token + t, sum0 * token_factor(t));
  store_rows(first_row + r, first_token + t + 8u, sum1 * token_factor(t + 8u));
  store_rows(first_row + r, first_token + t + 16u, sum2 * token_factor(t + 16u));
  store_rows(first_row + r, first_token + t + 24u, sum3 * token_factor(t + 24u));
}

fn token_factor(t: u32) -> f32 {
  return factor(dot(token_squares[t], vec4f(1.0)));
}

fn store_rows(row: u32, token: u32, sums: vec4f) {
  if (token >= step.n_tokens) { return; }
  store_pair(row, token, sums.x, sums.y);
  store_pair(row + 32u, token, sums.z, sums.w);
}
