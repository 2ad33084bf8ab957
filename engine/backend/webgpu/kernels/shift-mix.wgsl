// y[t] = x[t] + (x[t-1] - x[t]) * (weight + dynamic[t]); before the step's first token comes the row of `previous`.
struct Params { cols: u32, has_dynamic: u32 }
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read> previous: array<f32>;
@group(0) @binding(4) var<storage, read> weight: array<f32>;
@group(0) @binding(5) var<storage, read> dynamic: array<f32>;
@group(0) @binding(6) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let column = id.x;
  if (column >= params.cols) { return; }
  let at = id.y * params.cols + column;
  var before: f32;
  if (id.y == 0u) { before = previous[column]; } else { before = x[at - params.cols]; }
  var mix = weight[column];
  if (params.has_dynamic != 0u) { mix += dynamic[at]; }
  y[at] = x[at] + (before - x[at]) * mix;
}
