// y = what attention-parts.wgsl left of all parts of a head, together: one workgroup per query head.
struct Params {
  heads: u32, kv_heads: u32, head_dim: u32, value_dim: u32, window: u32,
}
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> left: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(32)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let head = group.x;
  let v_units = params.value_dim / 4u;
  let rows = rows_of(params.window);
  let length = part_length(rows.y - rows.x);
  // Empty memory, which kernels are warmed on, has rows of no length.
  let count = min(parts, (rows.y - rows.x + length - 1u) / length);
  var highest = -3.4e38;
  for (var part = 0u; part < count; part++) { highest = max(highest, left[part_start(head, part, v_units)].x); }
  for (var at = thread; at < v_units; at += 32u) {
    var total = 0.0;
    var sum = vec4f();
    for (var part = 0u; part < count; part++) {
      let start = part_start(head, part, v_units);
      let weight = exp(left[start].x - highest);
      total += weight * left[start].y;
      sum += weight * left[start + 1u + at];
    }
    y[head * v_units + at] = sum / total;
  }
}
