// y[t] = x[t] * table[position + t]; a row of the table has one value.
struct Params { cols: u32, table_cols: u32 }
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read> table: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.cols) { return; }
  let at = id.y * params.cols + id.x;
  y[at] = x[at] * table[(step.position + id.y) * params.table_cols];
}
