// A cache of q8_0: a row is all its quants, four to a word, and then a half float for every 32 of them, padded to four words.
// Units of four values, as in cache-f32.wgsl.
alias unit = vec4f;
const unit_values = 4u;
@group(0) @binding(3) var<storage, read> k: array<u32>;
@group(0) @binding(4) var<storage, read> v: array<u32>;

fn row_stride(units: u32) -> u32 { return (units + (units + 15u) / 16u + 3u) / 4u * 4u; }

fn key(row: u32, i: u32, units: u32) -> vec4f {
  return vec4f(unpack4xI8(k[row + i])) * unpack2x16float(k[row + units + i / 16u])[i / 8u % 2u];
}
fn value(row: u32, i: u32, units: u32) -> vec4f {
  return vec4f(unpack4xI8(v[row + i])) * unpack2x16float(v[row + units + i / 16u])[i / 8u % 2u];
}
