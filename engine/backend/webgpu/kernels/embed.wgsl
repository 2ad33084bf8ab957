// y[t] = row token[t] of one band of the table, scaled; a token outside the band is left to the band that has it.
struct Params { rows: u32, cols: u32, chunks: u32, first_row: u32, scale: f32 }
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(4) var<storage, read> tokens: array<u32>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let chunk = id.x;
  let token = id.y;
  // A smaller id wraps around to a huge one.
  let row = tokens[token] - params.first_row;
  if (row >= params.rows || chunk >= params.chunks) { return; }
  let w = load_chunk(first_chunk(row) + later_chunk(rows_beside(row), chunk));
  for (var i = 0u; i < 8u; i++) {
    let v = weights4(w, i);
    for (var j = 0u; j < 4u; j++) {
      let column = chunk * 32u + 4u * i + j;
      if (column < params.cols) { y[token * params.cols + column] = v[j] * params.scale; }
    }
  }
}
