// Decode on software adapters: one lane per row, four rows per lane. There the number of loads is the cost, so the lanes
// share the loads of x: each fetches one vec4 and subgroupBroadcast spreads it.
@group(0) @binding(4) var<storage, read> x: array<vec4f>;

@compute @workgroup_size(8)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @builtin(subgroup_invocation_id) subgroup_lane: u32,
) {
  let row = (group.x + group.y * groups.x) * 32u + lane;
  let last = params.rows - 1u;
  let first = first_chunks(min(vec4u(row) + vec4u(0u, 8u, 16u, 24u), vec4u(last)));
  let beside = rows_beside(min(row, last));
  let mine = subgroup_lane & (lanes - 1u);
  let near_factor = x_factor(mine);
  let far_factor = x_factor(mine + 4u);
  var sums = vec4f();
  var squares = 0.0;
  for (var chunk = 0u; chunk < params.chunks; chunk++) {
    let later = later_chunk(beside, chunk);
    let at = chunk * 8u + mine;
    let near_part = x[at];
    squares += square(near_part);
    let near = weighed(near_part, at);
    let near_scaled = near * near_factor;
    var sum = near;
    var far_scaled = near_scaled;
    if (lanes == 4u) {
      let far_part = x[at + 4u];
      squares += square(far_part);
      let far = weighed(far_part, at + 4u);
      far_scaled = far * far_factor;
      sum += far;
    }
    let shared_x = SharedX(
      subgroupBroadcast(near_scaled, 0u),
      subgroupBroadcast(near_scaled, 1u),
      subgroupBroadcast(near_scaled, 2u),
      subgroupBroadcast(near_scaled, 3u),
      subgroupBroadcast(far_scaled, second),
      subgroupBroadcast(far_scaled, second + 1u),
      subgroupBroadcast(far_scaled, second + 2u),
      subgroupBroadcast(far_scaled, second + 3u),
      lanes_sum(dot(sum, vec4f(1.0))),
    );
    sums += vec4f(
      chunk_dot(load_chunk(first.x + later), shared_x),
      chunk_dot(load_chunk(first.y + later), shared_x),
      chunk_dot(load_chunk(first.z + later), shared_x),
      chunk_dot(load_chunk(first.w + later), shared_x),
    );
  }
  sums *= factor(lanes_sum(squares));
  store_pair(row, 0u, sums.x, sums.y);
  store_pair(row + 16u, 0u, sums.z, sums.w);
}
