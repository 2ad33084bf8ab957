// Of 1024 logits the highest and the sum of the exponentials; one workgroup each. What is not a number does not count.
struct Params { cols: u32 }
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> logits: array<u32>;
@group(0) @binding(3) var<storage, read_write> sums: array<Sum>;

const threads = 64u;
const block = 1024u;
var<workgroup> found: array<Sum, threads>;

@compute @workgroup_size(threads)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let start = group.x * block + thread;
  let end = min(min(params.cols, step.vocabulary), (group.x + 1u) * block);
  var mine = no_sum;
  for (var token = start; token < end; token += threads) {
    let bits = logits[token];
    if (order_key(bits) != 0u) { mine.highest = max(mine.highest, bitcast<f32>(bits)); }
  }
  for (var token = start; token < end; token += threads) {
    let bits = logits[token];
    if (order_key(bits) != 0u) { mine.sum += power(bitcast<f32>(bits) - mine.highest); }
  }
  found[thread] = mine;
  for (var half = threads / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (thread < half) { found[thread] = join_sums(found[thread], found[thread + half]); }
  }
  if (thread == 0u) { sums[group.x] = found[0]; }
}
