// A cache of half floats, laid out as cache-f16.wgsl reads it, that pairs of columns are written to.
alias kept = u32;
fn keep(pair: vec2f) -> kept { return round_half(pair); }
