// For subgroups of 8 lanes; right for wider ones too.
const lanes = 8u;

