// Of two pairs of key and token the larger key, and of equals the lower token, so that every backend agrees.
fn better(a: vec2u, b: vec2u) -> vec2u {
  let second = b.x > a.x || (b.x == a.x && b.y < a.y);
  return select(a, b, second);
}

