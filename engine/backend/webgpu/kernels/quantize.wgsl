// Rounds activations to 8 bits, 32 values with one scale, one thread each: three vec4u per chunk, of which two hold the integers
// and the third the scale and the scaled sum, which the offset of a weight is multiplied by.
struct Params { cols: u32, chunks: u32 }
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> quantized: array<vec4u>;

// Less has an inverse that float32 does not hold, and changes no sum.
const least = 1e-30;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let chunk = id.x;
  if (chunk >= params.chunks) { return; }
  let at = id.y * params.chunks + chunk;
  var largest4 = vec4f();
  for (var i = 0u; i < 8u; i++) { largest4 = max(largest4, abs(x[8u * at + i])); }
  let largest = max(max(largest4.x, largest4.y), max(largest4.z, largest4.w));
  let inverse = select(0.0, 127.0 / largest, largest > least);
  let near = vec4u(rounded(at, 0u, inverse), rounded(at, 1u, inverse), rounded(at, 2u, inverse), rounded(at, 3u, inverse));
  let far = vec4u(rounded(at, 4u, inverse), rounded(at, 5u, inverse), rounded(at, 6u, inverse), rounded(at, 7u, inverse));
  let scale = largest / 127.0;
  let sum = f32(sum4(near) + sum4(far));
  quantized[3u * at] = near;
  quantized[3u * at + 1u] = far;
  quantized[3u * at + 2u] = vec4u(bitcast<u32>(scale), bitcast<u32>(scale * sum), 0u, 0u);
}

fn rounded(at: u32, i: u32, inverse: f32) -> u32 {
  return pack4xI8Clamp(vec4i(round(x[8u * at + i] * inverse)));
}

fn sum4(words: vec4u) -> i32 {
  const ones = 0x01010101u;
  return dot4I8Packed(words.x, ones) + dot4I8Packed(words.y, ones) + dot4I8Packed(words.z, ones) + dot4I8Packed(words.w, ones);
}
