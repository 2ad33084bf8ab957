// cache[position + t] = x[t]
struct Params { cols: u32 }
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> cache: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.cols) { return; }
  cache[(step.position + id.y) * params.cols + id.x] = x[id.y * params.cols + id.x];
}
