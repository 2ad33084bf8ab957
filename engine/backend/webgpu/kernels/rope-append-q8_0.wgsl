// What turn-columns.wgsl says, into caches of q8_0: one thread per four columns of q, then k, then v, each of which begins at a multiple of
// 16 threads. So 8 threads have a block, whose largest value they find together, and 16 have a word of scales.
@group(0) @binding(6) var<storage, read_write> keys: array<u32>;
@group(0) @binding(7) var<storage, read_write> values: array<u32>;

var<workgroup> largest: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(local_invocation_index) thread: u32) {
  let token = id.y;
  let row = step.position + token;
  let k_units = params.k_cols / 4u;
  let v_units = params.v_cols / 4u;
  let k_begin = (params.q_cols / 4u + 15u) / 16u * 16u;
  let v_begin = k_begin + (k_units + 15u) / 16u * 16u;
  let is_key = id.x < v_begin;
  let unit = id.x - select(v_begin, k_begin, is_key);
  let units = select(v_units, k_units, is_key);

  // Threads behind the last block have zeros.
  var kept = vec4f();
  if (id.x < k_begin) {
    if (4u * id.x < params.q_cols) {
      turn_query(token, row, 4u * id.x);
      turn_query(token, row, 4u * id.x + 2u);
    }
  } else if (unit < units) {
    if (is_key) {
      kept = turned_key(token, row, 4u * unit);
    } else {
      let first = token * params.v_stride + params.v_first + 4u * unit;
      kept = vec4f(v[first], v[first + 1u], v[first + 2u], v[first + 3u]);
    }
  }
  let sizes = abs(kept);
  largest[thread] = max(max(sizes.x, sizes.y), max(sizes.z, sizes.w));
  workgroupBarrier();
  if (id.x < k_begin || unit >= units) { return; }

  let start = row * row_words(units);
  let quants = round_unit(kept, scale_of(thread));
  if (is_key) { keys[start + unit] = quants; } else { values[start + unit] = quants; }
  if (thread % 16u != 0u) { return; }
  let scales = round_half(vec2f(scale_of(thread), scale_of(thread + 8u)));
  if (is_key) { keys[start + units + unit / 16u] = scales; } else { values[start + units + unit / 16u] = scales; }
}

// Of the block that a thread is one of.
fn scale_of(thread: u32) -> f32 {
  let first = thread / 8u * 8u;
  var most = 0.0;
  for (var i = first; i < first + 8u; i++) { most = max(most, largest[i]); }
  return most / 127.0;
}

// Four columns of k.
fn turned_key(token: u32, row: u32, column: u32) -> vec4f {
  let start = token * params.k_stride + params.k_first;
  var out = vec4f();
  for (var i = 0u; i < 4u; i++) {
    let turn = turn_of(column + i, row);
    out[i] = k[start + column + i] * turn.c + k[start + turn.partner] * turn.s;
  }
  return out;
}
