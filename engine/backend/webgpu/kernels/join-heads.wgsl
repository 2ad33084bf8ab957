// Each head of y is the same head of x and, behind it, the columns that all heads share.
struct Params { cols: u32, own: u32, tail_width: u32 }
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read> tail: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let column = id.x;
  let token = id.y;
  if (column >= params.cols) { return; }
  let width = params.own + params.tail_width;
  let heads = params.cols / width;
  let head = column / width;
  let j = column % width;
  let at = token * params.cols + column;
  if (j < params.own) {
    y[at] = x[(token * heads + head) * params.own + j];
  } else {
    y[at] = tail[token * params.tail_width + j - params.own];
  }
}
