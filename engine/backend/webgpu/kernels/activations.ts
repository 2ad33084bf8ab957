// The WGSL text of each activation: a function `activation` of one value, which the kernels of `activate` and `gated` share.
import type { Activation } from '../../../graph/graph'
import expNegExp from './activation-exp-neg-exp.wgsl'
import expNegSigmoid from './activation-exp-neg-sigmoid.wgsl'
import geluTanh from './activation-gelu-tanh.wgsl'
import gelu from './activation-gelu.wgsl'
import reluSquared from './activation-relu-squared.wgsl'
import sigmoid from './activation-sigmoid.wgsl'
import silu from './activation-silu.wgsl'
import tanh from './activation-tanh.wgsl'

export const activations: Readonly<Record<Activation, string>> = {
  silu,
  'gelu-tanh': geluTanh,
  gelu,
  sigmoid,
  tanh,
  'relu-squared': reluSquared,
  'exp-neg-exp': expNegExp,
  'exp-neg-sigmoid': expNegSigmoid,
}
