// For products where nothing is gated.
fn activation(v: f32) -> f32 { return v; }
