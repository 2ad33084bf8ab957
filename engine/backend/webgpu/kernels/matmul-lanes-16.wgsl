// Prefill on software adapters with 8 lanes, for steps of more than 8 tokens: as matmul-lanes, with 16 tokens per workgroup, so
// that a weight is loaded and decoded half as often.
@group(0) @binding(4) var<storage, read> x: array<vec4f>;

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
  let token = group.y * 16u;
  let last = step.n_tokens - 1u;
  let mine = subgroup_lane & 7u;
  let near_row = min(token + mine, last) * params.chunks * 8u;
  let far_row = min(token + 8u + mine, last) * params.chunks * 8u;
  // Eight, but a constant would be unrolled, and lavapipe takes half a minute to compile so many loads.
  let parts = min(8u, params.cols);
  // Variables and not an array, which would stay in memory because of the loop below.
  var s0 = vec4f();
  var s1 = vec4f();
  var s2 = vec4f();
  var s3 = vec4f();
  var s4 = vec4f();
  var s5 = vec4f();
  var s6 = vec4f();
  var s7 = vec4f();
  var s8 = vec4f();
  var s9 = vec4f();
  var s10 = vec4f();
  var s11 = vec4f();
  var s12 = vec4f();
  var s13 = vec4f();
  var s14 = vec4f();
  var s15 = vec4f();
  // Of the two tokens whose values the lane fetches.
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
      let far_part = x[far_row + at];
      near_squares += square(near_part);
      far_squares += square(far_part);
      let near = weighed(near_part, at);
      let far = weighed(far_part, at);
      let wa = weights4(a, i);
      let wb = weights4(b, i);
      let wc = weights4(c, i);
      let wd = weights4(d, i);
      s0 += products(wa, wb, wc, wd, subgroupBroadcast(near, 0u));
      s1 += products(wa, wb, wc, wd, subgroupBroadcast(near, 1u));
      s2 += products(wa, wb, wc, wd, subgroupBroadcast(near, 2u));
      s3 += products(wa, wb, wc, wd, subgroupBroadcast(near, 3u));
      s4 += products(wa, wb, wc, wd, subgroupBroadcast(near, 4u));
      s5 += products(wa, wb, wc, wd, subgroupBroadcast(near, 5u));
      s6 += products(wa, wb, wc, wd, subgroupBroadcast(near, 6u));
      s7 += products(wa, wb, wc, wd, subgroupBroadcast(near, 7u));
      s8 += products(wa, wb, wc, wd, subgroupBroadcast(far, 0u));
      s9 += products(wa, wb, wc, wd, subgroupBroadcast(far, 1u));
      s10 += products(wa, wb, wc, wd, subgroupBroadcast(far, 2u));
      s11 += products(wa, wb, wc, wd, subgroupBroadcast(far, 3u));
      s12 += products(wa, wb, wc, wd, subgroupBroadcast(far, 4u));
      s13 += products(wa, wb, wc, wd, subgroupBroadcast(far, 5u));
      s14 += products(wa, wb, wc, wd, subgroupBroadcast(far, 6u));
      s15 += products(wa, wb, wc, wd, subgroupBroadcast(far, 7u));
    }
  }
  let near_factor = factor(near_squares);
  let far_factor = factor(far_squares);
  s0 *= subgroupBroadcast(near_factor, 0u);
  s1 *= subgroupBroadcast(near_factor, 1u);
  s2 *= subgroupBroadcast(near_factor, 2u);
  s3 *= subgroupBroadcast(near_factor, 3u);
  s4 *= subgroupBroadcast(near_factor, 4u);
  s5 *= subgroupBroadcast(near_factor, 5u);
  s6 *= subgroupBroadcast(near_factor, 6u);
  s7 *= subgroupBroadcast(near_factor, 7u);
  s8 *= subgroupBroadcast(far_factor, 0u);
  s9 *= subgroupBroadcast(far_factor, 1u);
  s10 *= subgroupBroadcast(far_factor, 2u);
  s11 *= subgroupBroadcast(far_factor, 3u);
  s12 *= subgroupBroadcast(far_factor, 4u);
  s13 *= subgroupBroadcast(far_factor, 5u);
  s14 *= subgroupBroadcast(far_factor, 6u);
  s15 *= subgroupBroadcast(far_factor, 7u);
  // A loop, because 64 inlined stores take lavapipe three seconds to compile.
  let sums = array<vec4f, 16>(s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15);
  let tokens = min(16u, step.n_tokens - token);
  for (var t = 0u; t < tokens; t++) {
    for (var r = 0u; r < 4u; r += 2u) {
      store_pair(rows[r], token + t, sums[t][r], sums[t][r + 1u]);
    }
  }
}

fn products(a: vec4f, b: vec4f, c: vec4f, d: vec4f, v: vec4f) -> vec4f {
  return vec4f(dot(a, v), dot(b, v), dot(c, v), dot(d, v));
}
