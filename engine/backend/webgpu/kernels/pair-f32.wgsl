// A cache of f32 that pairs of columns are written to.
alias kept = vec2f;
fn keep(pair: vec2f) -> kept { return pair; }
