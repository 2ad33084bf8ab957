// Linear attention of RWKV-5 and 6: one thread per column of the values, which keeps its column of the head's state and goes
// through the step's tokens one after the other.
struct Params { cols: u32, head_dim: u32, decay_stride: u32 }
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> r: array<f32>;
@group(0) @binding(3) var<storage, read> k: array<f32>;
@group(0) @binding(4) var<storage, read> v: array<f32>;
@group(0) @binding(5) var<storage, read> decay: array<f32>;
@group(0) @binding(6) var<storage, read> first: array<f32>;
@group(0) @binding(7) var<storage, read_write> state: array<f32>;
@group(0) @binding(8) var<storage, read_write> y: array<f32>;

// Loops over it end at a number that the compiler does not know: unrolled, they take software adapters a minute to compile.
var<private> s: array<f32, 128>;

@compute @workgroup_size(32)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let column = id.x;
  if (column >= params.cols) { return; }
  let n = params.head_dim;
  let head = column / n * n;
  let start = head * n + column - head;
  for (var i = 0u; i < n; i++) { s[i] = state[start + i * n]; }
  for (var t = 0u; t < step.n_tokens; t++) {
    let token = t * params.cols;
    let value = v[token + column];
    var sum = 0.0;
    for (var i = 0u; i < n; i++) {
      let key = token + head + i;
      let added = k[key] * value;
      let before = s[i];
      sum += r[key] * (first[head + i] * added + before);
      s[i] = decay[t * params.decay_stride + head + i] * before + added;
    }
    y[token + column] = sum;
  }
  for (var i = 0u; i < n; i++) { state[start + i * n] = s[i]; }
}
