// A cache of f32, in heads of any even size: units of two values.
alias unit = vec2f;
const unit_values = 2u;
@group(0) @binding(3) var<storage, read> k: array<vec2f>;
@group(0) @binding(4) var<storage, read> v: array<vec2f>;

fn row_stride(units: u32) -> u32 { return units; }

fn key(row: u32, i: u32, units: u32) -> vec2f { return k[row + i]; }
fn value(row: u32, i: u32, units: u32) -> vec2f { return v[row + i]; }
