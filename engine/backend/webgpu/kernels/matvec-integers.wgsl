// Decode on real GPUs with activations of 8 bits: as matvec-subgroups, four products by one instruction, and a quarter of the
// bytes of x to load. A chunk's integers add up exactly; scales come once per chunk.
@group(0) @binding(4) var<storage, read> x: array<vec4u>;

const threads = 64u;
// One slot per subgroup; a subgroup has at least 4 lanes.
var<workgroup> partial: array<vec4f, 16>;

@compute @workgroup_size(threads)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
  @builtin(subgroup_invocation_id) lane: u32,
  @builtin(subgroup_id) subgroup: u32,
  @builtin(num_subgroups) n_subgroups: u32,
) {
  let row = (group.x + group.y * groups.x) * 4u;
  let last = params.rows - 1u;
  let first = first_chunks(min(vec4u(row) + vec4u(0u, 1u, 2u, 3u), vec4u(last)));
  let beside = rows_beside(min(row, last));
  var sum = vec4f();
  for (var chunk = thread; chunk < params.chunks; chunk += threads) {
    let later = later_chunk(beside, chunk);
    let near = x[3u * chunk];
    let far = x[3u * chunk + 1u];
    let scales = bitcast<vec2f>(x[3u * chunk + 2u].xy);
    sum += vec4f(
      product(load_chunk(first.x + later), near, far, scales),
      product(load_chunk(first.y + later), near, far, scales),
      product(load_chunk(first.z + later), near, far, scales),
      product(load_chunk(first.w + later), near, far, scales),
    );
  }
  let mine = subgroupAdd(sum);
  if (lane == 0u) { partial[subgroup] = mine; }
  workgroupBarrier();
  if (thread < 4u && row + thread < params.rows) {
    var total = 0.0;
    for (var i = 0u; i < n_subgroups; i++) { total += partial[i][thread]; }
    store(row + thread, 0u, total);
  }
}

// `scales` are the scale of the activations and their scaled sum.
fn product(c: Chunk, near: vec4u, far: vec4u, scales: vec2f) -> f32 {
  let total = dot4I8Packed(integers4(c, 0u), near.x) + dot4I8Packed(integers4(c, 1u), near.y) +
    dot4I8Packed(integers4(c, 2u), near.z) + dot4I8Packed(integers4(c, 3u), near.w) +
    dot4I8Packed(integers4(c, 4u), far.x) + dot4I8Packed(integers4(c, 5u), far.y) +
    dot4I8Packed(integers4(c, 6u), far.z) + dot4I8Packed(integers4(c, 7u), far.w);
  return dot(affine(c) * vec2f(f32(total), 1.0), scales);
}
