// A cache of half floats, two to a word: units of four values, as in cache-f32.wgsl.
alias unit = vec4f;
const unit_values = 4u;
@group(0) @binding(3) var<storage, read> k: array<vec2u>;
@group(0) @binding(4) var<storage, read> v: array<vec2u>;

fn row_stride(units: u32) -> u32 { return units; }

fn key(row: u32, i: u32, units: u32) -> vec4f { return halves(k[row + i]); }
fn value(row: u32, i: u32, units: u32) -> vec4f { return halves(v[row + i]); }

fn halves(words: vec2u) -> vec4f {
  return vec4f(unpack2x16float(words.x), unpack2x16float(words.y));
}
