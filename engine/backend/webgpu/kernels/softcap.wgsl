// y = cap * tanh(x / cap). WGSL leaves tanh of large values undefined, hence the clamp.
struct Params { cols: u32, cap: f32 }
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.cols) { return; }
  let at = id.y * params.cols + id.x;
  y[at] = params.cap * tanh(clamp(x[at] / params.cap, -15.0, 15.0));
}
