// How likely the chosen token was: the log-softmax of its logit, in the place of its key. Logits that are not numbers keep theirs.
struct Params { blocks: u32 }
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> logits: array<f32>;
@group(0) @binding(3) var<storage, read> sums: array<Sum>;
// token, key
@group(0) @binding(4) var<storage, read_write> chosen: array<vec2u>;

const threads = 64u;
var<workgroup> found: array<Sum, threads>;

@compute @workgroup_size(threads)
fn main(@builtin(local_invocation_index) thread: u32) {
  var mine = no_sum;
  for (var i = thread; i < params.blocks; i += threads) { mine = join_sums(mine, sums[i]); }
  found[thread] = mine;
  for (var half = threads / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (thread < half) { found[thread] = join_sums(found[thread], found[thread + half]); }
  }
  if (thread > 0u || chosen[step.place].y == 0xffffffffu) { return; }
  let all = found[0];
  let own = logits[chosen[step.place].x];
  chosen[step.place].y = bitcast<u32>(min(0.0, own - all.highest - log(all.sum)));
}
