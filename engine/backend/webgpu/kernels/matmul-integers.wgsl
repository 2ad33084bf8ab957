// Prefill with activations of 8 bits: as matmul-tile, a tile of 64 rows by 32 tokens and 4 by 4 results per thread. Four values
// take one word of workgroup memory and one instruction; a chunk's integers add up exactly, and scales come once per chunk.
@group(0) @binding(4) var<storage, read> x: array<vec4u>;

const threads = 128u;
const tile_rows = 64u;
const tile_tokens = 32u;
// [word of the chunk][row] and [word of the chunk][token]; one column more than needed spreads the banks.
const row_stride = 65u;
const token_stride = 33u;
var<workgroup> weight_tile: array<u32, 8u * row_stride>;
var<workgroup> x_tile: array<u32, 8u * token_stride>;
// Scale and offset of each row's chunk; scale and scaled sum of each token's.
var<workgroup> weight_scales: array<vec2f, tile_rows>;
var<workgroup> x_scales: array<vec2f, tile_tokens>;

@compute @workgroup_size(threads)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let first_row = group.x * tile_rows;
  let first_token = group.y * tile_tokens;
  // Two threads fetch one row of the tile, half a chunk each.
  let my_row = thread % tile_rows;
  let my_half = thread / tile_rows;
  let row = min(first_row + my_row, params.rows - 1u);
  let first = first_chunk(row);
  let beside = rows_beside(row);
  // Three of four threads fetch one token of the tile: half a chunk, the other half, and the scales.
  let my_token = thread / 4u;
  let my_part = thread % 4u;
  let token = min(first_token + my_token, step.n_tokens - 1u);
  let r = thread % 16u;
  let t = thread / 16u;
  var sum0 = vec4f();
  var sum1 = vec4f();
  var sum2 = vec4f();
  var sum3 = vec4f();
  // Eight, but a constant would be unrolled, and software adapters compile that for long.
  let words = min(8u, params.cols);
  for (var chunk = 0u; chunk < params.chunks; chunk++) {
    let w = load_chunk(first + later_chunk(beside, chunk));
    for (var i = my_half * 4u; i < my_half * 4u + 4u; i++) {
      weight_tile[i * row_stride + my_row] = integers4(w, i);
    }
    if (my_half == 0u) { weight_scales[my_row] = affine(w); }
    if (my_part < 3u) {
      let v = x[3u * (token * params.chunks + chunk) + my_part];
      if (my_part == 2u) {
        x_scales[my_token] = bitcast<vec2f>(v.xy);
      } else {
        let at = 4u * my_part * token_stride + my_token;
        x_tile[at] = v.x;
        x_tile[at + token_stride] = v.y;
        x_tile[at + 2u * token_stride] = v.z;
        x_tile[at + 3u * token_stride] = v.w;
      }
    }
    workgroupBarrier();
    var total0 = vec4i();
    var total1 = vec4i();
    var total2 = vec4i();
    var total3 = vec4i();
    for (var i = 0u; i < words; i++) {
      let at = i * row_stride + r;
      let four = vec4u(weight_tile[at], weight_tile[at + 16u], weight_tile[at + 32u], weight_tile[at + 48u]);
      let xt = i * token_stride + t;
      total0 += dots(four, x_tile[xt]);
      total1 += dots(four, x_tile[xt + 8u]);
      total2 += dots(four, x_tile[xt + 16u]);
      total3 += dots(four, x_tile[xt + 24u]);
    }
    let a = weight_scales[r];
    let b = weight_scales[r + 16u];
    let c = weight_scales[r + 32u];
    let d = weight_scales[r + 48u];
    let scale = vec4f(a.x, b.x, c.x, d.x);
    let offset = vec4f(a.y, b.y, c.y, d.y);
    sum0 += scaled(total0, scale, offset, x_scales[t]);
    sum1 += scaled(total1, scale, offset, x_scales[t + 8u]);
    sum2 += scaled(total2, scale, offset, x_scales[t + 16u]);
    sum3 += scaled(total3, scale, offset, x_scales[t + 24u]);
    workgroupBarrier();
  }
  store_rows(first_row + r, first_token + t, sum0);
  store_rows(first_row + r, first_token + t + 8u, sum1);
  store_rows(first_row + r, first_token + t + 16u, sum2);
  store_rows(first_row + r, first_token + t + 24u, sum3);
}

fn dots(four: vec4u, v: u32) -> vec4i {
  return vec4i(dot4I8Packed(four.x, v), dot4I8Packed(four.y, v), dot4I8Packed(four.z, v), dot4I8Packed(four.w, v));
}

fn scaled(total: vec4i, scale: vec4f, offset: vec4f, x_scale: vec2f) -> vec4f {
  return fma(vec4f(total) * scale, vec4f(x_scale.x), offset * x_scale.y);
}

fn store_rows(row: u32, token: u32, sums: vec4f) {
  if (token >= step.n_tokens) { return; }
  for (var i = 0u; i < 4u; i++) {
    if (row + 16u * i < params.rows) { store(row + 16u * i, token, sums[i]); }
  }
}
