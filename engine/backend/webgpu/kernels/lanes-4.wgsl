// For subgroups of 4 lanes; right for wider ones too.
const lanes = 4u;

