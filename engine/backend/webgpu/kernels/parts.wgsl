// Parts of the rows that a token sees: as many for a long text as for a short one, but none shorter than 64 rows.
override parts: u32;

// The first row, and the one after the last.
fn rows_of(window: u32) -> vec2u {
  let end = step.position + 1u;
  return vec2u(end - min(end, window), end);
}

// A multiple of 64. Parts that begin behind the last row are empty.
fn part_length(rows: u32) -> u32 { return (rows + 64u * parts - 1u) / (64u * parts) * 64u; }

// Where a part of a head begins, in units of four values.
fn part_start(head: u32, part: u32, v_units: u32) -> u32 { return (head * parts + part) * (v_units + 1u); }
