// Decode on real GPUs: four rows per workgroup, two and the two 8 below them, neighboring threads read neighboring chunks of a row, subgroups add up.
// The subgroup's width and its place in the workgroup come from builtins only, so any width from 4 to 64 is right.
@group(0) @binding(4) var<storage, read> x: array<vec4f>;

const threads = 64u;
// One slot per subgroup; a subgroup has at least 4 lanes.
var<workgroup> partial: array<vec4f, 16>;
var<workgroup> partial_squares: array<f32, 16>;

@compute @workgroup_size(threads)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
  @builtin(subgroup_invocation_id) lane: u32,
  @builtin(subgroup_id) subgroup: u32,
  @builtin(num_subgroups) n_subgroups: u32,
) {
  let four = group.x + group.y * groups.x;
  let row = four / 4u * 16u + four % 4u * 2u;
  let last = params.rows - 1u;
  let first = first_chunks(min(vec4u(row) + vec4u(0u, 1u, 8u, 9u), vec4u(last)));
  let beside = rows_beside(min(row, last));
  var sum = vec4f();
  var squares = 0.0;
  for (var chunk = thread; chunk < params.chunks; chunk += threads) {
    let later = later_chunk(beside, chunk);
    let a = load_chunk(first.x + later);
    let b = load_chunk(first.y + later);
    let c = load_chunk(first.z + later);
    let d = load_chunk(first.w + later);
    for (var i = 0u; i < 8u; i++) {
      let part = x[chunk * 8u + i];
      squares += square(part);
      let v = weighed(part, chunk * 8u + i);
      sum += vec4f(dot(weights4(a, i), v), dot(weights4(b, i), v), dot(weights4(c, i), v), dot(weights4(d, i), v));
    }
  }
  let mine = subgroupAdd(sum);
  let my_squares = subgroupAdd(squares);
  if (lane == 0u) {
    partial[subgroup] = mine;
    partial_squares[subgroup] = my_squares;
  }
  workgroupBarrier();
  if (thread < 2u) {
    var total = vec2f();
    var all_squares = 0.0;
    for (var i = 0u; i < n_subgroups; i++) {
      total += vec2f(partial[i][thread], partial[i][thread + 2u]);
      all_squares += partial_squares[i];
    }
    total *= factor(all_squares);
    store_pair(row + thread, 0u, total.x, total.y);
  }
}
