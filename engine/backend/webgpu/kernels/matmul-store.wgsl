// Sums of two rows become results: `first` is that of `row`, `second` that of row + 8. Either row may be beyond the matrix.
fn store_pair(row: u32, token: u32, first: f32, second: f32) {
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

