// Rotates pairs inside each head; one thread per value. `table` row p holds cos and sin of each pair, interleaved.
struct Params { cols: u32, head_dim: u32, first: u32, rotary: u32, table_cols: u32, interleaved: u32, axis: u32 }
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read> table: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

const axis_prefix = 1u;
const axis_after_prefix = 2u;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let column = id.x;
  let token = id.y;
  if (column >= params.cols) { return; }
  let at = token * params.cols + column;
  // A column before the first rotated one wraps around to a huge number.
  let j = column % params.head_dim - params.first;
  if (j >= params.rotary) {
    y[at] = x[at];
    return;
  }
  let half = params.rotary / 2u;
  let interleaved = params.interleaved != 0u;
  let pair = select(j % half, j / 2u, interleaved);
  let second = select(j >= half, (j & 1u) == 1u, interleaved);
  let distance = select(half, 1u, interleaved);
  var row = step.position + token;
  // Without a prefix this wraps around to a huge number, too, and the whole text counts as prompt.
  let in_prefix = min(row, step.prefix - 1u);
  if (params.axis == axis_prefix) { row = in_prefix; }
  if (params.axis == axis_after_prefix) { row -= in_prefix; }
  let angle = row * params.table_cols + 2u * pair;
  let c = table[angle];
  let s = table[angle + 1u];
  if (second) {
    y[at] = x[at] * c + x[at - distance] * s;
  } else {
    y[at] = x[at] * c - x[at + distance] * s;
  }
}
