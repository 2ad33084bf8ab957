// What kernels of matrices share: y[t] = (weight * x[t] + bias) * scale + add[t] for one band of rows, or a gate and what it lets
// through at once. Kernels declare x (binding 4) with the width they read, and hand over sums to matmul-store or matmul-store-gated.
struct Params { rows: u32, cols: u32, chunks: u32, first_row: u32, out_cols: u32, has_bias: u32, has_add: u32, scale: f32 }
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(5) var<storage, read> bias: array<f32>;
@group(0) @binding(6) var<storage, read> add: array<f32>;
@group(0) @binding(7) var<storage, read_write> y: array<f32>;
