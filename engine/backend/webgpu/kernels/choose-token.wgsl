// The best of all blocks: its token and its key, to the step's place among the chosen ones.
struct Params { blocks: u32 }
@group(0) @binding(1) var<uniform> params: Params;
// key, token
@group(0) @binding(2) var<storage, read> best: array<vec2u>;
// token, key
@group(0) @binding(3) var<storage, read_write> chosen: array<vec2u>;

const threads = 64u;
var<workgroup> found: array<vec2u, threads>;

@compute @workgroup_size(threads)
fn main(@builtin(local_invocation_index) thread: u32) {
  var mine = vec2u(0u, 0xffffffffu);
  for (var i = thread; i < params.blocks; i += threads) { mine = better(mine, best[i]); }
  found[thread] = mine;
  for (var half = threads / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (thread < half) { found[thread] = better(found[thread], found[thread + half]); }
  }
  if (thread == 0u) { chosen[step.place] = found[0].yx; }
}
