// What turn-columns.wgsl says, with one thread per two columns: q, then k, then v.
// pair-f32.wgsl or pair-f16.wgsl says how the caches keep two columns.
@group(0) @binding(6) var<storage, read_write> keys: array<kept>;
@group(0) @binding(7) var<storage, read_write> values: array<kept>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let token = id.y;
  let row = step.position + token;
  var column = 2u * id.x;
  if (column < params.q_cols) {
    turn_query(token, row, column);
    return;
  }
  column -= params.q_cols;
  if (column < params.k_cols) {
    let one = turn_of(column, row);
    let two = turn_of(column + 1u, row);
    let start = token * params.k_stride + params.k_first;
    keys[(row * params.k_cols + column) / 2u] = keep(
      vec2f(k[start + column], k[start + column + 1u]) * vec2f(one.c, two.c) +
      vec2f(k[start + one.partner], k[start + two.partner]) * vec2f(one.s, two.s));
    return;
  }
  column -= params.k_cols;
  if (column < params.v_cols) {
    let start = token * params.v_stride + params.v_first + column;
    values[(row * params.v_cols + column) / 2u] = keep(vec2f(v[start], v[start + 1u]));
  }
}
