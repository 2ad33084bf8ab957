// What every kernel knows about the step: how many tokens it carries, how many are in the state already, and how many at the
// start of the sequence see each other both ways. The rest says how a token is chosen after it, and where to: see TokenChoice.
struct Step {
  n_tokens: u32, position: u32, prefix: u32,
  place: u32, vocabulary: u32, seed: u32, temperature: f32, top_k: u32, top_p: f32, furthest: f32,
}
@group(0) @binding(0) var<uniform> step: Step;

