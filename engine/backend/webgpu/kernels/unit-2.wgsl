// Heads of any even size are read two values at a time.
alias unit = vec2f;
const unit_values = 2u;

