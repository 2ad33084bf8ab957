// The delta rule of RWKV-7 on software adapters, for heads of 64: as many columns of the values per subgroup as it has lanes. Each of
// them has a row of the state, which lies across the lanes in registers for all of the step's tokens.
struct Params { cols: u32, head_dim: u32 }
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> r: array<vec4f>;
@group(0) @binding(3) var<storage, read> decay: array<vec4f>;
@group(0) @binding(4) var<storage, read> k: array<vec4f>;
@group(0) @binding(5) var<storage, read> v: array<f32>;
@group(0) @binding(6) var<storage, read> removal: array<vec4f>;
@group(0) @binding(7) var<storage, read> rate: array<vec4f>;
@group(0) @binding(8) var<storage, read_write> state: array<vec4f>;
@group(0) @binding(9) var<storage, read_write> y: array<f32>;

// Of a row, in one lane.
const units = 16u / lanes;

@compute @workgroup_size(lanes)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(subgroup_invocation_id) subgroup_lane: u32) {
  let mine = subgroup_lane & (lanes - 1u);
  let first = group.x * lanes;
  let head = first / 64u * 16u;
  var s = array<vec4f, lanes * units>();
  for (var j = 0u; j < lanes; j++) {
    for (var u = 0u; u < units; u++) { s[j * units + u] = state[(first + j) * 16u + u * lanes + mine]; }
  }
  for (var t = 0u; t < step.n_tokens; t++) {
    let token = t * params.cols;
    let values = v[token + first + mine];
    var out = 0.0;
    var rs = array<vec4f, units>();
    var decays = array<vec4f, units>();
    var keys = array<vec4f, units>();
    var removals = array<vec4f, units>();
    var replaced = array<vec4f, units>();
    for (var u = 0u; u < units; u++) {
      let at = token / 4u + head + u * lanes + mine;
      rs[u] = r[at];
      decays[u] = decay[at];
      keys[u] = k[at];
      removals[u] = removal[at];
      replaced[u] = removals[u] * rate[at];
    }
    for (var j = 0u; j < lanes; j++) {
      let value = subgroupShuffle(values, j);
      var removed = 0.0;
      for (var u = 0u; u < units; u++) { removed += dot(s[j * units + u], removals[u]); }
      removed = across(removed);
      var sum = 0.0;
      for (var u = 0u; u < units; u++) {
        let after = s[j * units + u] * decays[u] - removed * replaced[u] + value * keys[u];
        sum += dot(after, rs[u]);
        s[j * units + u] = after;
      }
      out = select(out, across(sum), mine == j);
    }
    y[token + first + mine] = out;
  }
  for (var j = 0u; j < lanes; j++) {
    for (var u = 0u; u < units; u++) { state[(first + j) * 16u + u * lanes + mine] = s[j * units + u]; }
  }
}

fn across(own: f32) -> f32 {
  var sum = own;
  for (var other = lanes / 2u; other > 0u; other /= 2u) { sum += subgroupShuffleXor(sum, other); }
  return sum;
}
