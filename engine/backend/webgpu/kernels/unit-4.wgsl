// Heads whose size is a multiple of 4 are read four values at a time.
alias unit = vec4f;
const unit_values = 4u;

