// Decode on software adapters: one lane per row, two rows per lane. There the number of loads is the cost, so the lanes
// share the loads of x: each fetches one vec4 and subgroupBroadcast spreads it.
@group(0) @binding(4) var<storage, read> x: array<vec4f>;

// Where the second half of a chunk lies: in lanes 4 to 7, or in a second load.
const second = select(0u, 4u, lanes == 8u);

@compute @workgroup_size(8)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @builtin(subgroup_invocation_id) subgroup_lane: u32,
) {
  let row = (group.x + group.y * groups.x) * 16u + lane;
  let last = params.rows - 1u;
  let first_a = min(row, last) * params.chunks;
  let first_b = min(row + 8u, last) * params.chunks;
  let mine = subgroup_lane & (lanes - 1u);
  var a = vec4f();
  var b = vec4f();
  for (var chunk = 0u; chunk < params.chunks; chunk++) {
    let x0 = x[chunk * 8u + mine];
    var x1 = x0;
    if (lanes == 4u) { x1 = x[chunk * 8u + 4u + mine]; }
    let wa = load_chunk(first_a + chunk);
    let wb = load_chunk(first_b + chunk);
    let v0 = subgroupBroadcast(x0, 0u);
    a = fma(weights4(wa, 0u), v0, a);
    b = fma(weights4(wb, 0u), v0, b);
    let v1 = subgroupBroadcast(x0, 1u);
    a = fma(weights4(wa, 1u), v1, a);
    b = fma(weights4(wb, 1u), v1, b);
    let v2 = subgroupBroadcast(x0, 2u);
    a = fma(weights4(wa, 2u), v2, a);
    b = fma(weights4(wb, 2u), v2, b);
    let v3 = subgroupBroadcast(x0, 3u);
    a = fma(weights4(wa, 3u), v3, a);
    b = fma(weights4(wb, 3u), v3, b);
    let v4 = subgroupBroadcast(x1, second);
    a = fma(weights4(wa, 4u), v4, a);
    b = fma(weights4(wb, 4u), v4, b);
    let v5 = subgroupBroadcast(x1, second + 1u);
    a = fma(weights4(wa, 5u), v5, a);
    b = fma(weights4(wb, 5u), v5, b);
    let v6 = subgroupBroadcast(x1, second + 2u);
    a = fma(weights4(wa, 6u), v6, a);
    b = fma(weights4(wb, 6u), v6, b);
    let v7 = subgroupBroadcast(x1, second + 3u);
    a = fma(weights4(wa, 7u), v7, a);
    b = fma(weights4(wb, 7u), v7, b);
  }
  store_pair(row, 0u, dot(a, vec4f(1.0)), dot(b, vec4f(1.0)));
}
