// y = activation(gate) * up. A stride is the columns of the value that gate or up is a part of, `first` where it begins there.
struct Params { cols: u32, gate_stride: u32, gate_first: u32, up_stride: u32, up_first: u32 }
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> gate: array<f32>;
@group(0) @binding(3) var<storage, read> up: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.cols) { return; }
  let g = gate[id.y * params.gate_stride + params.gate_first + id.x];
  y[id.y * params.cols + id.x] = activation(g) * up[id.y * params.up_stride + params.up_first + id.x];
}
