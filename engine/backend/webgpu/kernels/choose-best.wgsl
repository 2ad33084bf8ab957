// Of 1024 logits the best one, by itself or with noise for a draw; one workgroup each. The noise is that of choose-token.ts.
struct Params { cols: u32 }
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> logits: array<u32>;
// least, highest
@group(0) @binding(3) var<storage, read> kept: array<f32>;
// key, token
@group(0) @binding(4) var<storage, read_write> best: array<vec2u>;

const threads = 64u;
const block = 1024u;
var<workgroup> found: array<vec2u, threads>;

@compute @workgroup_size(threads)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let n = min(params.cols, step.vocabulary);
  let end = min(n, (group.x + 1u) * block);
  var mine = vec2u(0u, 0xffffffffu);
  for (var token = group.x * block + thread; token < end; token += threads) {
    mine = better(mine, vec2u(score_of(token), token));
  }
  // The first logit that is no number hides what the others are, so it beats them all and is told.
  if (group.x == 0u && thread == 0u && order_key(logits[0]) == 0u) { mine = vec2u(0xffffffffu, 0u); }
  found[thread] = mine;
  for (var half = threads / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (thread < half) { found[thread] = better(found[thread], found[thread + half]); }
  }
  if (thread == 0u) { best[group.x] = found[0]; }
}

fn score_of(token: u32) -> u32 {
  let bits = logits[token];
  let key = order_key(bits);
  if (step.temperature == 0.0 || key == 0u) { return key; }
  let logit = bitcast<f32>(bits);
  if (logit < kept[0]) { return 0u; }
  return order_key(bitcast<u32>((logit - kept[1]) / step.temperature + noise(token)));
}

fn noise(token: u32) -> f32 {
  let draw = mixed(step.seed ^ mixed(step.position + step.n_tokens + 0x9e3779b9u));
  let w = (f32(mixed(draw + token * 0x9e3779b9u) >> 9u) + 0.5) / 8388608.0;
  // log is only exact to an absolute error near 1, where small w are.
  var exponential = w * (1.0 + w * (0.5 + w * (1.0 / 3.0 + w * (0.25 + w * 0.2))));
  if (w > 0.05) { exponential = -log(1.0 - w); }
  return -log(exponential);
}

fn mixed(value: u32) -> u32 {
  var h = value;
  h = (h ^ (h >> 16u)) * 0x85ebca6bu;
  h = (h ^ (h >> 13u)) * 0xc2b2ae35u;
  return h ^ (h >> 16u);
}
