// What kernels of matrices share: y[t] = (weight * x[t] + bias) * scale + add[t] for one band of rows, or a gate and what it lets
// through at once. Kernels declare x (binding 4) with the width they read, take it through matmul-input, and
// hand over sums to matmul-store.
struct Params {
  rows: u32, cols: u32, chunks: u32, first_row: u32, out_cols: u32, has_bias: u32, has_add: u32, scale: f32,
  norm_eps: f32, norm_offset: f32, has_norm: u32, has_gate: u32,
}
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(5) var<storage, read> bias: array<f32>;
@group(0) @binding(6) var<storage, read> add: array<f32>;
@group(0) @binding(7) var<storage, read_write> y: array<f32>;
