// y[t] = (weight * x[t] + bias) * scale + add[t] for one band of rows. Kernels declare x (binding 4) with the width they read.
struct Params { rows: u32, cols: u32, chunks: u32, first_row: u32, out_cols: u32, has_bias: u32, has_add: u32, scale: f32 }
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(5) var<storage, read> bias: array<f32>;
@group(0) @binding(6) var<storage, read> add: array<f32>;
@group(0) @binding(7) var<storage, read_write> y: array<f32>;

fn store(row: u32, token: u32, product: f32) {
  let column = params.first_row + row;
  let at = token * params.out_cols + column;
  var sum = product;
  if (params.has_bias != 0u) { sum += bias[column]; }
  sum *= params.scale;
  if (params.has_add != 0u) { sum += add[at]; }
  y[at] = sum;
}

