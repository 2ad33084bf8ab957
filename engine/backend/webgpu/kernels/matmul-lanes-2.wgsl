// Steps of two tokens on software adapters, two sequences for one: as matvec-lanes, each weight loaded and decoded for both.
@group(0) @binding(4) var<storage, read> x: array<vec4f>;

@compute @workgroup_size(8)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @builtin(subgroup_invocation_id) subgroup_lane: u32,
) {
  let row = (group.x + group.y * groups.x) * 16u + lane;
  let last = params.rows - 1u;
  let first_a = first_chunk(min(row, last));
  let first_b = first_chunk(min(row + 8u, last));
  let beside = rows_beside(min(row, last));
  let mine = subgroup_lane & (lanes - 1u);
  // A step of one token reads it twice.
  let other = min(1u, step.n_tokens - 1u) * params.chunks * 8u;
  var a0 = vec4f();
  var b0 = vec4f();
  var a1 = vec4f();
  var b1 = vec4f();
  var squares0 = 0.0;
  var squares1 = 0.0;
  for (var chunk = 0u; chunk < params.chunks; chunk++) {
    let at = chunk * 8u + mine;
    let near0 = x[at];
    let near1 = x[other + at];
    squares0 += square(near0);
    squares1 += square(near1);
    let p0 = weighed(near0, at);
    let p1 = weighed(near1, at);
    var far_p0 = p0;
    var far_p1 = p1;
    if (lanes == 4u) {
      let far0 = x[at + 4u];
      let far1 = x[other + at + 4u];
      squares0 += square(far0);
      squares1 += square(far1);
      far_p0 = weighed(far0, at + 4u);
      far_p1 = weighed(far1, at + 4u);
    }
    let later = later_chunk(beside, chunk);
    let a = load_chunk(first_a + later);
    let b = load_chunk(first_b + later);
    let wa0 = weights4(a, 0u);
    let wb0 = weights4(b, 0u);
    let v00 = subgroupBroadcast(p0, 0u);
    a0 = fma(wa0, v00, a0);
    b0 = fma(wb0, v00, b0);
    let v01 = subgroupBroadcast(p1, 0u);
    a1 = fma(wa0, v01, a1);
    b1 = fma(wb0, v01, b1);
    let wa1 = weights4(a, 1u);
    let wb1 = weights4(b, 1u);
    let v10 = subgroupBroadcast(p0, 1u);
    a0 = fma(wa1, v10, a0);
    b0 = fma(wb1, v10, b0);
    let v11 = subgroupBroadcast(p1, 1u);
    a1 = fma(wa1, v11, a1);
    b1 = fma(wb1, v11, b1);
    let wa2 = weights4(a, 2u);
    let wb2 = weights4(b, 2u);
    let v20 = subgroupBroadcast(p0, 2u);
    a0 = fma(wa2, v20, a0);
    b0 = fma(wb2, v20, b0);
    let v21 = subgroupBroadcast(p1, 2u);
    a1 = fma(wa2, v21, a1);
    b1 = fma(wb2, v21, b1);
    let wa3 = weights4(a, 3u);
    let wb3 = weights4(b, 3u);
    let v30 = subgroupBroadcast(p0, 3u);
    a0 = fma(wa3, v30, a0);
    b0 = fma(wb3, v30, b0);
    let v31 = subgroupBroadcast(p1, 3u);
    a1 = fma(wa3, v31, a1);
    b1 = fma(wb3, v31, b1);
    let wa4 = weights4(a, 4u);
    let wb4 = weights4(b, 4u);
    let v40 = subgroupBroadcast(far_p0, second);
    a0 = fma(wa4, v40, a0);
    b0 = fma(wb4, v40, b0);
    let v41 = subgroupBroadcast(far_p1, second);
    a1 = fma(wa4, v41, a1);
    b1 = fma(wb4, v41, b1);
    let wa5 = weights4(a, 5u);
    let wb5 = weights4(b, 5u);
    let v50 = subgroupBroadcast(far_p0, second + 1u);
    a0 = fma(wa5, v50, a0);
    b0 = fma(wb5, v50, b0);
    let v51 = subgroupBroadcast(far_p1, second + 1u);
    a1 = fma(wa5, v51, a1);
    b1 = fma(wb5, v51, b1);
    let wa6 = weights4(a, 6u);
    let wb6 = weights4(b, 6u);
    let v60 = subgroupBroadcast(far_p0, second + 2u);
    a0 = fma(wa6, v60, a0);
    b0 = fma(wb6, v60, b0);
    let v61 = subgroupBroadcast(far_p1, second + 2u);
    a1 = fma(wa6, v61, a1);
    b1 = fma(wb6, v61, b1);
    let wa7 = weights4(a, 7u);
    let wb7 = weights4(b, 7u);
    let v70 = subgroupBroadcast(far_p0, second + 3u);
    a0 = fma(wa7, v70, a0);
    b0 = fma(wb7, v70, b0);
    let v71 = subgroupBroadcast(far_p1, second + 3u);
    a1 = fma(wa7, v71, a1);
    b1 = fma(wb7, v71, b1);
  }
  let scaled0 = vec4f(factor(lanes_sum(squares0)));
  let scaled1 = vec4f(factor(lanes_sum(squares1)));
  store_pair(row, 0u, dot(a0, scaled0), dot(b0, scaled0));
  if (step.n_tokens > 1u) { store_pair(row, 1u, dot(a1, scaled1), dot(b1, scaled1)); }
}
