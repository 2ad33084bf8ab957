// Decode without subgroups, and for row lengths that are no multiple of a chunk: one row per workgroup, partial sums
// meet in workgroup memory. x is read value by value because its rows need not be aligned.
@group(0) @binding(4) var<storage, read> x: array<f32>;

const threads = 32u;
var<workgroup> partial: array<f32, threads>;

@compute @workgroup_size(threads)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let row = group.x + group.y * groups.x;
  let first = min(row, params.rows - 1u) * params.chunks;
  var sum = 0.0;
  for (var chunk = thread; chunk < params.chunks; chunk += threads) {
    let w = load_chunk(first + chunk);
    for (var i = 0u; i < 8u; i++) {
      sum += dot(weights4(w, i), x4(chunk * 32u + 4u * i));
    }
  }
  partial[thread] = sum;
  for (var half = threads / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (thread < half) { partial[thread] += partial[thread + half]; }
  }
  if (thread == 0u && row < params.rows) { store(row, 0u, partial[0]); }
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
