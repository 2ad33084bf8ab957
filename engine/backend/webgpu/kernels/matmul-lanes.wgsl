// Prefill on software adapters: one lane per row, four rows per lane, eight tokens per workgroup. The lanes share the loads
// of x as in matvec-lanes: each fetches one token's vec4 and subgroupBroadcast spreads it. Right for 4 lanes or more.
@group(0) @binding(4) var<storage, read> x: array<vec4f>;

// Per token the sums of the lane's four rows.
alias Sums = array<vec4f, 8>;

@compute @workgroup_size(8)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @builtin(subgroup_invocation_id) shared_lane: u32,
) {
  let row = group.x * 32u + lane;
  let rows = vec4u(row) + vec4u(0u, 8u, 16u, 24u);
  let first = min(rows, vec4u(params.rows - 1u)) * params.chunks;
  let token = group.y * 8u;
  let last = step.n_tokens - 1u;
  let quarter = shared_lane & 3u;
  let near = min(token + quarter, last) * params.chunks * 8u;
  let far = min(token + 4u + quarter, last) * params.chunks * 8u;
  var sums = Sums();
  for (var chunk = 0u; chunk < params.chunks; chunk++) {
    let a = load_chunk(first.x + chunk);
    let b = load_chunk(first.y + chunk);
    let c = load_chunk(first.z + chunk);
    let d = load_chunk(first.w + chunk);
    let at = chunk * 8u;
    multiply(&sums, weights4(a, 0u), weights4(b, 0u), weights4(c, 0u), weights4(d, 0u), x[near + at], x[far + at]);
    multiply(&sums, weights4(a, 1u), weights4(b, 1u), weights4(c, 1u), weights4(d, 1u), x[near + at + 1u], x[far + at + 1u]);
    multiply(&sums, weights4(a, 2u), weights4(b, 2u), weights4(c, 2u), weights4(d, 2u), x[near + at + 2u], x[far + at + 2u]);
    multiply(&sums, weights4(a, 3u), weights4(b, 3u), weights4(c, 3u), weights4(d, 3u), x[near + at + 3u], x[far + at + 3u]);
    multiply(&sums, weights4(a, 4u), weights4(b, 4u), weights4(c, 4u), weights4(d, 4u), x[near + at + 4u], x[far + at + 4u]);
    multiply(&sums, weights4(a, 5u), weights4(b, 5u), weights4(c, 5u), weights4(d, 5u), x[near + at + 5u], x[far + at + 5u]);
    multiply(&sums, weights4(a, 6u), weights4(b, 6u), weights4(c, 6u), weights4(d, 6u), x[near + at + 6u], x[far + at + 6u]);
    multiply(&sums, weights4(a, 7u), weights4(b, 7u), weights4(c, 7u), weights4(d, 7u), x[near + at + 7u], x[far + at + 7u]);
  }
  store_token(rows, token, sums[0]);
  store_token(rows, token + 1u, sums[1]);
  store_token(rows, token + 2u, sums[2]);
  store_token(rows, token + 3u, sums[3]);
  store_token(rows, token + 4u, sums[4]);
  store_token(rows, token + 5u, sums[5]);
  store_token(rows, token + 6u, sums[6]);
  store_token(rows, token + 7u, sums[7]);
}

// `near` holds tokens 0 to 3 in its lanes, `far` tokens 4 to 7. Unrolled: sums must stay in registers.
fn multiply(sums: ptr<function, Sums>, a: vec4f, b: vec4f, c: vec4f, d: vec4f, near: vec4f, far: vec4f) {
  (*sums)[0] += products(a, b, c, d, subgroupBroadcast(near, 0u));
  (*sums)[1] += products(a, b, c, d, subgroupBroadcast(near, 1u));
  (*sums)[2] += products(a, b, c, d, subgroupBroadcast(near, 2u));
  (*sums)[3] += products(a, b, c, d, subgroupBroadcast(near, 3u));
  (*sums)[4] += products(a, b, c, d, subgroupBroadcast(far, 0u));
  (*sums)[5] += products(a, b, c, d, subgroupBroadcast(far, 1u));
  (*sums)[6] += products(a, b, c, d, subgroupBroadcast(far, 2u));
  (*sums)[7] += products(a, b, c, d, subgroupBroadcast(far, 3u));
}

fn products(a: vec4f, b: vec4f, c: vec4f, d: vec4f, v: vec4f) -> vec4f {
  return vec4f(dot(a, v), dot(b, v), dot(c, v), dot(d, v));
}

fn store_token(rows: vec4u, token: u32, sums: vec4f) {
  if (token >= step.n_tokens) { return; }
  if (rows.x < params.rows) { store(rows.x, token, sums.x); }
  if (rows.y < params.rows) { store(rows.y, token, sums.y); }
  if (rows.z < params.rows) { store(rows.z, token, sums.z); }
  if (rows.w < params.rows) { store(rows.w, token, sums.w); }
}
