// cache[position + t] = x[t] in blocks of q8_0, laid out as cache-q8_0.wgsl reads them: one thread per word of scales, which are
// those of two blocks.
struct Params { cols: u32 }
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> cache: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let units = params.cols / 4u;
  let scale_words = (units + 15u) / 16u;
  if (id.x >= scale_words) { return; }
  let row = (step.position + id.y) * row_words(units);
  let x_row = id.y * units;
  let first = id.x * 16u;
  var scales = vec2f(quantize(x_row, row, first), 0.0);
  if (first + 8u < units) { scales.y = quantize(x_row, row, first + 8u); }
  cache[row + units + id.x] = round_half(scales);
}

// Writes the quants of the block that starts at unit `first`, and returns its scale.
fn quantize(x_row: u32, row: u32, first: u32) -> f32 {
  var most = vec4f();
  for (var i = first; i < first + 8u; i++) { most = max(most, abs(x[x_row + i])); }
  let scale = max(max(most.x, most.y), max(most.z, most.w)) / 127.0;
  for (var i = first; i < first + 8u; i++) { cache[row + i] = round_unit(x[x_row + i], scale); }
  return scale;
}
