// The smallest logit that no filter drops, and the highest of all. The k-th largest, or the one at which the probabilities of the
// larger ones reach top_p, is found digit by digit of its key, 16 bins a round; a bin that holds one logit ends the search.
struct Params { cols: u32 }
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> logits: array<u32>;
// least, highest
@group(0) @binding(3) var<storage, read_write> kept: array<f32>;

const threads = 64u;
const bins = 16u;
var<workgroup> counts: array<u32, threads * bins>;
var<workgroup> masses: array<f32, threads * bins>;
var<workgroup> highest_key: array<u32, threads>;

// Where the search is: the digits found, what is above them, and whether it has ended.
struct Search { prefix: u32, above: u32, mass: f32, total: f32, done: u32 }
var<workgroup> search: Search;

@compute @workgroup_size(threads)
fn main(@builtin(local_invocation_index) thread: u32) {
  let n = min(params.cols, step.vocabulary);
  var largest = 0u;
  for (var i = thread; i < n; i += threads) { largest = max(largest, order_key(logits[i])); }
  highest_key[thread] = largest;
  for (var half = threads / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (thread < half) { highest_key[thread] = max(highest_key[thread], highest_key[thread + half]); }
  }
  workgroupBarrier();
  let highest = value_of(highest_key[0]);
  let floor = highest - step.furthest;
  if (thread == 0u) {
    kept[0] = floor;
    kept[1] = highest;
    search = Search(0u, 0u, 0.0, 0.0, u32(step.top_k == 0u && step.top_p >= 1.0));
  }
  for (var shift = 28u; ; shift -= 4u) {
    let now = workgroupUniformLoad(&search);
    if (now.done != 0u) { break; }
    for (var bin = 0u; bin < bins; bin++) {
      counts[bin * threads + thread] = 0u;
      masses[bin * threads + thread] = 0.0;
    }
    for (var i = thread; i < n; i += threads) {
      let bits = logits[i];
      let key = order_key(bits);
      // Shifted twice, because a shift by 32 is none.
      if (key == 0u || ((key >> shift) >> 4u) != now.prefix) { continue; }
      let at = ((key >> shift) & 15u) * threads + thread;
      counts[at] += 1u;
      masses[at] += exp(bitcast<f32>(bits) - highest);
    }
    workgroupBarrier();
    if (thread < bins) {
      for (var i = 1u; i < threads; i++) {
        counts[thread * threads] += counts[thread * threads + i];
        masses[thread * threads] += masses[thread * threads + i];
      }
    }
    workgroupBarrier();
    if (thread == 0u) { search = narrowed(now, shift, floor); }
  }
}

fn narrowed(before: Search, shift: u32, floor: f32) -> Search {
  var now = before;
  if (shift == 28u) {
    for (var bin = 0u; bin < bins; bin++) { now.total += masses[bin * threads]; }
  }
  for (var down = 0u; down < bins; down++) {
    let bin = bins - 1u - down;
    let count = counts[bin * threads];
    let mass = masses[bin * threads];
    let enough = (step.top_k != 0u && now.above + count >= step.top_k) ||
      (step.top_p < 1.0 && now.mass + mass >= step.top_p * now.total);
    if (count == 0u || !enough) {
      now.above += count;
      now.mass += mass;
      continue;
    }
    now.prefix = before.prefix * bins + bin;
    if (count == 1u || shift == 0u) {
      kept[0] = value_of(max(order_key(bitcast<u32>(floor)), now.prefix << shift));
      now.done = 1u;
    }
    return now;
  }
  // Rounding kept the sum of all below what is wanted: all stay.
  now.done = 1u;
  return now;
}
