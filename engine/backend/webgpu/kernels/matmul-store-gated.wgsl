// y = activation(gate) * up: 8 rows of gate are followed by the 8 rows of up that they belong to, so that the sums of `row` and
// row + 8 are one result. The biases of all of gate lie before those of up.
fn store_pair(row: u32, token: u32, gate_sum: f32, up_sum: f32) {
  if (row >= params.rows) { return; }
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
