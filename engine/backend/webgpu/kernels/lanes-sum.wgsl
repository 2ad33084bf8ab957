// The sum over `lanes` neighbors, however wide the subgroup is.
fn lanes_sum(mine: f32) -> f32 {
  var sum = mine + subgroupShuffleXor(mine, 1u);
  sum += subgroupShuffleXor(sum, 2u);
  if (lanes == 8u) { sum += subgroupShuffleXor(sum, 4u); }
  return sum;
}
