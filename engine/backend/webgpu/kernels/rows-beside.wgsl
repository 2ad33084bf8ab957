// Where the chunks of a matrix lie: `side` rows side by side, a block of each in turn, so that lanes with a row each read what lies
// together; the last rows of a band are fewer. Blocks have `unit` chunks. With one row by itself, chunks lie row after row.

// Rows that lie beside `row`, itself one of them.
fn rows_beside(row: u32) -> u32 { return min(side, params.rows - row / side * side); }

// The first chunk of a row, and of four.
fn first_chunk(row: u32) -> u32 { return row / side * side * params.chunks + row % side * unit; }
fn first_chunks(rows: vec4u) -> vec4u { return rows / side * side * params.chunks + rows % side * unit; }

// What to add to that for a later chunk of the row.
fn later_chunk(beside: u32, chunk: u32) -> u32 { return (chunk - chunk % unit) * beside + chunk % unit; }
