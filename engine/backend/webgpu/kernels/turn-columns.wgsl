// What attention needs of one token, at once: q turned to y, k turned and v into the caches. A stride is the columns of the value that
// q, k or v is a part of, `first` where it begins there. Turning is that of rope.wgsl.
struct Params {
  q_cols: u32, k_cols: u32, v_cols: u32,
  q_stride: u32, q_first: u32, k_stride: u32, k_first: u32, v_stride: u32, v_first: u32,
  head_dim: u32, first: u32, rotary: u32, table_cols: u32, interleaved: u32,
}
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> q: array<f32>;
@group(0) @binding(3) var<storage, read> k: array<f32>;
@group(0) @binding(4) var<storage, read> v: array<f32>;
@group(0) @binding(5) var<storage, read> table: array<f32>;
@group(0) @binding(8) var<storage, read_write> y: array<vec2f>;

// How a column turns: x[column] * c + x[partner] * s.
struct Turn { partner: u32, c: f32, s: f32 }

// Two columns of q, turned.
fn turn_query(token: u32, row: u32, column: u32) {
  let start = token * params.q_stride + params.q_first;
  let one = turn_of(column, row);
  let two = turn_of(column + 1u, row);
  y[(token * params.q_cols + column) / 2u] =
    vec2f(q[start + column], q[start + column + 1u]) * vec2f(one.c, two.c) +
    vec2f(q[start + one.partner], q[start + two.partner]) * vec2f(one.s, two.s);
}

fn turn_of(column: u32, row: u32) -> Turn {
  // A column before the first rotated one wraps around to a huge number.
  let j = column % params.head_dim - params.first;
  if (j >= params.rotary) { return Turn(column, 1.0, 0.0); }
  let half = params.rotary / 2u;
  let interleaved = params.interleaved != 0u;
  let pair = select(j % half, j / 2u, interleaved);
  let second = select(j >= half, (j & 1u) == 1u, interleaved);
  let distance = select(half, 1u, interleaved);
  let angle = row * params.table_cols + 2u * pair;
  let c = table[angle];
  let s = table[angle + 1u];
  if (second) { return Turn(column - distance, c, s); }
  return Turn(column + distance, c, -s);
}
