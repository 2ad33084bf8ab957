// Decode without subgroups, and for row lengths that are no multiple of a chunk: a row and the 8th after it per
// workgroup, partial sums meet in workgroup memory. x is read value by value because its rows need not be aligned.
@group(0) @binding(4) var<storage, read> x: array<f32>;

const threads = 32u;
var<workgroup> partial: array<vec3f, threads>;

@compute @workgroup_size(threads)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let pair = group.x + group.y * groups.x;
  let row = pair / 8u * 16u + pair % 8u;
  let last = params.rows - 1u;
  let first_a = first_chunk(min(row, last));
  let first_b = first_chunk(min(row + 8u, last));
  let beside = rows_beside(min(row, last));
  // Of both rows, and of the squares of x.
  var sum = vec3f();
  for (var chunk = thread; chunk < params.chunks; chunk += threads) {
    let later = later_chunk(beside, chunk);
    let a = load_chunk(first_a + later);
    let b = load_chunk(first_b + later);
    for (var i = 0u; i < 8u; i++) {
      let part = x4(chunk * 32u + 4u * i);
      let v = weighed(part, chunk * 8u + i);
      sum += vec3f(dot(weights4(a, i), v), dot(weights4(b, i), v), square(part));
    }
  }
  partial[thread] = sum;
  for (var half = threads / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (thread < half) { partial[thread] += partial[thread + half]; }
  }
  if (thread == 0u) {
    let sums = partial[0].xy * factor(partial[0].z);
    store_pair(row, 0u, sums.x, sums.y);
  }
}

// The weights beyond cols are zeros, but x beyond cols belongs to somebody else and may be anything.
fn x4(at: u32) -> vec4f {
  if (at + 4u <= params.cols) { return vec4f(x[at], x[at + 1u], x[at + 2u], x[at + 3u]); }
  var v = vec4f();
  for (var i = 0u; i < 4u; i++) {
    if (at + i < params.cols) { v[i] = x[at + i]; }
  }
  return v;
}
