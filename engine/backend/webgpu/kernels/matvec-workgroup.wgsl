// Decode without subgroups, and for row lengths that are no multiple of a chunk: a row and the 8th after it per
// workgroup, partial sums meet in workgroup memory. x is read value by value because its rows need not be aligned.
@group(0) @binding(4) var<storage, read> x: array<f32>;

const threads = 32u;
var<workgroup> partial: array<vec2f, threads>;

@compute @workgroup_size(threads)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let pair = group.x + group.y * groups.x;
  let row = pair / 8u * 16u + pair % 8u;
  let first = min(vec2u(row, row + 8u), vec2u(params.rows - 1u)) * params.chunks;
  var sum = vec2f();
  for (var chunk = thread; chunk < params.chunks; chunk += threads) {
    let a = load_chunk(first.x + chunk);
    let b = load_chunk(first.y + chunk);
    for (var i = 0u; i < 8u; i++) {
      let v = x4(chunk * 32u + 4u * i);
      sum += vec2f(dot(weights4(a, i), v), dot(weights4(b, i), v));
    }
  }
  partial[thread] = sum;
  for (var half = threads / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (thread < half) { partial[thread] += partial[thread + half]; }
  }
  if (thread == 0u) { store_pair(row, 0u, partial[0].x, partial[0].y); }
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
