// What every kernel knows about the step: how many tokens it carries, how many are in the state already, and how many at the
// start of the sequence see each other both ways.
struct Step { n_tokens: u32, position: u32, prefix: u32 }
@group(0) @binding(0) var<uniform> step: Step;

