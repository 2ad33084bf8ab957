// y[t] = x[t] * weight + bias, column by column, where there is a weight or a bias.
struct Params { cols: u32, has_weight: u32, has_bias: u32 }
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read> weight: array<f32>;
@group(0) @binding(4) var<storage, read> bias: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let column = id.x;
  if (column >= params.cols) { return; }
  let at = id.y * params.cols + column;
  var v = x[at];
  if (params.has_weight != 0u) { v *= weight[column]; }
  if (params.has_bias != 0u) { v += bias[column]; }
  y[at] = v;
}
