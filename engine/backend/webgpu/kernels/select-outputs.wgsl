// y[0] = x[T - 1], or y = x when every token's output is wanted.
struct Params { cols: u32, only_last: u32 }
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.cols) { return; }
  let source = select(id.y, step.n_tokens - 1u, params.only_last != 0u);
  y[id.y * params.cols + id.x] = x[source * params.cols + id.x];
}
