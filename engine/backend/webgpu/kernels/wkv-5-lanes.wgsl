// Linear attention of RWKV-5 and 6 on software adapters: four columns of the values per lane. Rows of a state do not meet, so eight
// at a time go through all of the step's tokens in registers, and y collects their sums. A lane loads what belongs to one row, and
// spreads it.
struct Params { cols: u32, head_dim: u32, decay_stride: u32 }
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> r: array<f32>;
@group(0) @binding(3) var<storage, read> k: array<f32>;
@group(0) @binding(4) var<storage, read> v: array<vec4f>;
@group(0) @binding(5) var<storage, read> decay: array<f32>;
@group(0) @binding(6) var<storage, read> first: array<f32>;
@group(0) @binding(7) var<storage, read_write> state: array<vec4f>;
@group(0) @binding(8) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(lanes)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(subgroup_invocation_id) subgroup_lane: u32) {
  let mine = subgroup_lane & (lanes - 1u);
  let n = params.head_dim;
  let head = group.x * 4u * lanes / n * n;
  let column = group.x * lanes + mine;
  let start = (head * n - head) / 4u + column;
  for (var row = 0u; row < n; row += lanes) {
    var s = array<vec4f, lanes>();
    for (var j = 0u; j < lanes; j++) { s[j] = state[start + (row + j) * n / 4u]; }
    let bonus = first[head + row + mine];
    for (var t = 0u; t < step.n_tokens; t++) {
      let at = t * params.cols + head + row + mine;
      let keys = k[at];
      let receptances = r[at];
      let decays = decay[t * params.decay_stride + head + row + mine];
      let y_at = t * params.cols / 4u + column;
      let value = v[y_at];
      var sum = vec4f();
      if (row > 0u) { sum = y[y_at]; }
      for (var j = 0u; j < lanes; j++) {
        let added = subgroupShuffle(keys, j) * value;
        sum += subgroupShuffle(receptances, j) * (subgroupShuffle(bonus, j) * added + s[j]);
        s[j] = subgroupShuffle(decays, j) * s[j] + added;
      }
      y[y_at] = sum;
    }
    for (var j = 0u; j < lanes; j++) { state[start + (row + j) * n / 4u] = s[j]; }
  }
}
