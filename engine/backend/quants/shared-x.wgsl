// The 32 values of x that meet a chunk, the same for all rows: each part multiplied by its x_factor, and the sum of them as
// they were. chunk_dot multiplies a chunk with them.
struct SharedX {
  v0: vec4f, v1: vec4f, v2: vec4f, v3: vec4f, v4: vec4f, v5: vec4f, v6: vec4f, v7: vec4f,
  sum: f32,
}
