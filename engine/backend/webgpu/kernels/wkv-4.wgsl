// The recurrence of RWKV-4: one thread per column, which goes through the step's tokens one after the other.
struct Params { cols: u32 }
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> k: array<f32>;
@group(0) @binding(3) var<storage, read> v: array<f32>;
@group(0) @binding(4) var<storage, read> decay: array<f32>;
@group(0) @binding(5) var<storage, read> first: array<f32>;
@group(0) @binding(6) var<storage, read_write> state: array<f32>;
@group(0) @binding(7) var<storage, read_write> y: array<f32>;

// Far below every key, and no infinity, which WGSL leaves undefined.
const lowest = -1e30;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let column = id.x;
  if (column >= params.cols) { return; }
  let w = decay[column];
  let u = first[column];
  var above = state[column];
  var below = state[params.cols + column];
  var exponent = select(state[2u * params.cols + column], lowest, below == 0.0);
  for (var t = 0u; t < step.n_tokens; t++) {
    let at = t * params.cols + column;
    let key = k[at];
    let value = v[at];
    let highest = max(exponent, u + key);
    let past = exp_down(exponent - highest);
    let present = exp_down(u + key - highest);
    y[at] = (past * above + present * value) / (past * below + present);

    let higher = max(exponent + w, key);
    let kept = exp_down(exponent + w - higher);
    let added = exp_down(key - higher);
    above = kept * above + added * value;
    below = kept * below + added;
    exponent = higher;
  }
  state[column] = above;
  state[params.cols + column] = below;
  state[2u * params.cols + column] = exponent;
}

// exp(x) of x up to 0, and a number too small to matter instead of one too small for f32.
fn exp_down(x: f32) -> f32 {
  return exp(max(x, -80.0));
}
