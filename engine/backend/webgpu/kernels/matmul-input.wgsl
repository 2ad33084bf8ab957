// How x becomes what is multiplied: as it is, or normed as by rms-norm. It is weighed where it is read; what all its values are
// divided by, the sums are divided by at the end. Flags instead of texts: software adapters compile each text for a quarter of
// a second, and what a flag costs there does not show.
@group(0) @binding(8) var<storage, read> norm: array<vec4f>;

// `at` counts four columns each.
fn weighed(v: vec4f, at: u32) -> vec4f {
  if (params.has_norm == 0u) { return v; }
  return v * (norm[at] + vec4f(params.norm_offset));
}

fn weighed_value(v: f32, column: u32) -> f32 {
  if (params.has_norm == 0u) { return v; }
  return v * (norm[column / 4u][column % 4u] + params.norm_offset);
}

fn square(v: vec4f) -> f32 { return dot(v, v); }

// What the sums of a token are multiplied by, from the sum of its squares.
fn factor(squares: f32) -> f32 {
  if (params.has_norm == 0u) { return 1.0; }
  return inverseSqrt(squares / f32(params.cols) + params.norm_eps);
}
