// What every kernel knows about the step: how many tokens it carries and how many are in the state already.
struct Step { n_tokens: u32, position: u32 }
@group(0) @binding(0) var<uniform> step: Step;

