// Where the second half of a chunk lies: in lanes 4 to 7, or in a second load.
const second = select(0u, 4u, lanes == 8u);

// The sum over the lanes that share x. Broadcasts of known lanes cost software adapters one instruction, a reduction many.
fn lanes_sum(mine: f32) -> f32 {
  var sum = subgroupBroadcast(mine, 0u) + subgroupBroadcast(mine, 1u);
  sum += subgroupBroadcast(mine, 2u) + subgroupBroadcast(mine, 3u);
  if (lanes == 8u) {
    sum += subgroupBroadcast(mine, second) + subgroupBroadcast(mine, second + 1u);
    sum += subgroupBroadcast(mine, second + 2u) + subgroupBroadcast(mine, second + 3u);
  }
  return sum;
}
