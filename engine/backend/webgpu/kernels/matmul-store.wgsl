// Sums of two rows become results: `first` is that of `row`, `second` that of row + 8. Either row may be beyond the matrix.
fn store_pair(row: u32, token: u32, first: f32, second: f32) {
  if (params.has_gate != 0u) {
    if (row < params.rows) { store_gated(row, token, first, second); }
    return;
  }
  if (row < params.rows) { store(row, token, first); }
  if (row + 8u < params.rows) { store(row + 8u, token, second); }
}

fn store(row: u32, token: u32, product: f32) {
  let column = params.first_row + row;
  let at = token * params.out_cols + column;
  var sum = product;
  if (params.has_bias != 0u) { sum += bias[column]; }
  sum *= params.scale;
  if (params.has_add != 0u) { sum += add[at]; }
  y[at] = sum;
}

// y = activation(gate) * up: 8 rows of gate are followed by the 8 rows of up that they belong to, so that both sums are one
// result. The biases of all of gate lie before those of up.
fn store_gated(row: u32, token: u32, gate_sum: f32, up_sum: f32) {
  let stacked = params.first_row + row;
  let column = stacked / 16u * 8u + stacked % 8u;
  var gate = gate_sum;
  var up = up_sum;
  if (params.has_bias != 0u) {
    gate += bias[column];
    up += bias[params.out_cols + column];
  }
  y[token * params.out_cols + column] = activation(gate * params.scale) * (up * params.scale);
}
