// cache[position + t] = x[t] as half floats, laid out as cache-f16.wgsl reads them: one thread per word.
struct Params { cols: u32 }
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> x: array<vec2f>;
@group(0) @binding(3) var<storage, read_write> cache: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let words = params.cols / 2u;
  if (id.x >= words) { return; }
  cache[(step.position + id.y) * words + id.x] = round_half(x[id.y * words + id.x]);
}
