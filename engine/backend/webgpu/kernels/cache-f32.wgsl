// A cache of f32, in heads whose size is a multiple of 4: units of four values.
alias unit = vec4f;
const unit_values = 4u;
@group(0) @binding(3) var<storage, read> k: array<vec4f>;
@group(0) @binding(4) var<storage, read> v: array<vec4f>;

// Elements of `k` or `v` in a row of so many units.
fn row_stride(units: u32) -> u32 { return units; }

// Unit `i` of the row that starts at `row`; `units` are those of a whole row.
fn key(row: u32, i: u32, units: u32) -> vec4f { return k[row + i]; }
fn value(row: u32, i: u32, units: u32) -> vec4f { return v[row + i]; }
