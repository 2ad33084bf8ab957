// Prefill on software adapters: one lane per row, four rows per lane, eight tokens per workgroup. The lanes share the loads
// of x as in matvec-lanes: each fetches one token's vec4 and subgroupBroadcast spreads it.
@group(0) @binding(4) var<storage, read> x: array<vec4f>;

// Where tokens 4 to 7 lie: in lanes 4 to 7, or in a second load.
const second = select(0u, 4u, lanes == 8u);

@compute @workgroup_size(8)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @builtin(subgroup_invocation_id) subgroup_lane: u32,
) {
  let row = group.x * 32u + lane;
  let rows = vec4u(row) + vec4u(0u, 8u, 16u, 24u);
  let last_row = params.rows - 1u;
  let first = first_chunks(min(rows, vec4u(last_row)));
  let beside = rows_beside(min(row, last_row));
  let token = group.y * 8u;
  let last = step.n_tokens - 1u;
  let mine = subgroup_lane & (lanes - 1u);
  let near_row = min(token + mine, last) * params.chunks * 8u;
  let far_row = min(token + 4u + mine, last) * params.chunks * 8u;
  // Eight, but a constant would be unrolled, and lavapipe takes half a minute to compile so many loads.
  let parts = min(8u, params.cols);
  // Per token the sums of the lane's four rows; variables and not an array, which would stay in memory because of the loop below.
  var s0 = vec4f();
  var s1 = vec4f();
  var s2 = vec4f();
  var s3 = vec4f();
  var s4 = vec4f();
  var s5 = vec4f();
  var s6 = vec4f();
  var s7 = vec4f();
  // Of the tokens whose values the lane fetches.
  var near_squares = 0.0;
  var far_squares = 0.0;
  for (var chunk = 0u; chunk < params.chunks; chunk++) {
    let later = later_chunk(beside, chunk);
    let a = load_chunk(first.x + later);
    let b = load_chunk(first.y + later);
    let c = load_chunk(first.z + later);
    let d = load_chunk(first.w + later);
    for (var i = 0u; i < parts; i++) {
      let at = chunk * 8u + i;
      let near_part = x[near_row + at];
      near_squares += square(near_part);
      let near = weighed(near_part, at);
      var far = near;
      if (lanes == 4u) {
        let far_part = x[far_row + at];
        far_squares += square(far_part);
        far = weighed(far_part, at);
      }
      let wa = weights4(a, i);
      let wb = weights4(b, i);
      let wc = weights4(c, i);
      let wd = weights4(d, i);
      s0 += products(wa, wb, wc, wd, subgroupBroadcast(near, 0u));
      s1 += products(wa, wb, wc, wd, subgroupBroadcast(near, 1u));
      s2 += products(wa, wb, wc, wd, subgroupBroadcast(near, 2u));
      s3 += products(wa, wb, wc, wd, subgroupBroadcast(near, 3u));
      s4 += products(wa, wb, wc, wd, subgroupBroadcast(far, second));
      s5 += products(wa, wb, wc, wd, subgroupBroadcast(far, second + 1u));
      s6 += products(wa, wb, wc, wd, subgroupBroadcast(far, second + 2u));
      s7 += products(wa, wb, wc, wd, subgroupBroadcast(far, second + 3u));
    }
  }
  let near_factor = factor(near_squares);
  var far_factor = near_factor;
  if (lanes == 4u) { far_factor = factor(far_squares); }
  s0 *= subgroupBroadcast(near_factor, 0u);
  s1 *= subgroupBroadcast(near_factor, 1u);
  s2 *= subgroupBroadcast(near_factor, 2u);
  s3 *= subgroupBroadcast(near_factor, 3u);
  s4 *= subgroupBroadcast(far_factor, second);
  s5 *= subgroupBroadcast(far_factor, second + 1u);
  s6 *= subgroupBroadcast(far_factor, second + 2u);
  s7 *= subgroupBroadcast(far_factor, second + 3u);
  // A loop, because so many inlined stores take lavapipe a second to compile.
  let sums = array<vec4f, 8>(s0, s1, s2, s3, s4, s5, s6, s7);
  let tokens = min(8u, step.n_tokens - token);
  for (var t = 0u; t < tokens; t++) {
    for (var r = 0u; r < 4u; r += 2u) {
      store_pair(rows[r], token + t, sums[t][r], sums[t][r + 1u]);
    }
  }
}

fn products(a: vec4f, b: vec4f, c: vec4f, d: vec4f, v: vec4f) -> vec4f {
  return vec4f(dot(a, v), dot(b, v), dot(c, v), dot(d, v));
}
