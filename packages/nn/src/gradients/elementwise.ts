import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { type GradientRule, sumTo } from './rule.js';

/** A rule for a function of one input `x` with `dx = dy · slope(x)`. */
function fromInput(slope: (x: Tensor) => Tensor): GradientRule {
  return { save: ['x'], gradient: (dy, { x }) => ({ x: () => tf.mul(dy, slope(x!)) }) };
}

/** A rule for a function of one input whose slope is simplest in terms of the output `y`. */
function fromOutput(slope: (y: Tensor) => Tensor): GradientRule {
  return { save: ['y'], gradient: (dy, { y }) => ({ x: () => tf.mul(dy, slope(y!)) }) };
}

/** A rule for a broadcasting function of `a` and `b`. */
function binary(da: (dy: Tensor, a: Tensor, b: Tensor) => Tensor, db: typeof da): GradientRule {
  return {
    save: ['a', 'b'],
    gradient: (dy, { a, b }) => ({
      a: () => sumTo(da(dy, a!, b!), a!.shape),
      b: () => sumTo(db(dy, a!, b!), b!.shape),
    }),
  };
}

const mask = (condition: Tensor, dy: Tensor) => tf.mul(dy, tf.cast(condition, 'float32'));
const passedOn = (dy: Tensor) => dy;

/** A rule for a function that is constant almost everywhere, or whose result is no float. */
function flat(...inputs: string[]): GradientRule {
  return {
    save: inputs,
    gradient: (_dy, saved) =>
      Object.fromEntries(inputs.map((name) => [name, () => tf.zeros(saved[name]!.shape)])),
  };
}

/** Of the paper that defines SELU (Klambauer et al., 2017). */
const SELU_ALPHA = 1.6732632423543772;
const SELU_SCALE = 1.0507009873554805;

export const elementwise: Record<string, GradientRule> = {
  Add: binary(passedOn, passedOn),
  Sub: binary(passedOn, (dy) => tf.neg(dy)),
  Multiply: binary(
    (dy, _a, b) => tf.mul(dy, b),
    (dy, a) => tf.mul(dy, a),
  ),
  RealDiv: binary(
    (dy, _a, b) => tf.div(dy, b),
    (dy, a, b) => tf.neg(tf.div(tf.mul(dy, a), tf.square(b))),
  ),
  Pow: binary(
    (dy, a, b) => tf.mul(dy, tf.mul(b, tf.pow(a, tf.sub(b, 1)))),
    // The derivative by the exponent exists for positive bases; elsewhere it is taken as 0, as TensorFlow does.
    (dy, a, b) => {
      const positive = tf.greater(a, 0);
      const log = tf.log(tf.where(positive, a, tf.onesLike(a)));
      return tf.mul(dy, tf.mul(tf.pow(a, b), log));
    },
  ),
  SquaredDifference: binary(
    (dy, a, b) => tf.mul(dy, tf.mul(2, tf.sub(a, b))),
    (dy, a, b) => tf.mul(dy, tf.mul(2, tf.sub(b, a))),
  ),
  // Where both are equal the gradient goes to the first, so that nothing is counted twice.
  Maximum: binary(
    (dy, a, b) => mask(tf.greaterEqual(a, b), dy),
    (dy, a, b) => mask(tf.less(a, b), dy),
  ),
  Minimum: binary(
    (dy, a, b) => mask(tf.lessEqual(a, b), dy),
    (dy, a, b) => mask(tf.greater(a, b), dy),
  ),
  AddN: {
    save: 'all',
    gradient: (dy, saved) => Object.fromEntries(Object.keys(saved).map((name) => [name, dy])),
  },
  Select: {
    save: ['condition'],
    gradient: (dy, { condition }) => ({
      t: () => mask(condition!, dy),
      e: () => mask(tf.logicalNot(condition as tf.Tensor), dy),
      condition: () => tf.zeros(condition!.shape),
    }),
  },
  Prelu: {
    save: ['x', 'alpha'],
    gradient: (dy, { x, alpha }) => ({
      x: () => tf.where(tf.greater(x!, 0), dy, tf.mul(dy, alpha!)),
      alpha: () => sumTo(mask(tf.lessEqual(x!, 0), tf.mul(dy, x!)), alpha!.shape),
    }),
  },

  Neg: { gradient: (dy) => ({ x: () => tf.neg(dy) }) },
  Identity: { gradient: (dy) => ({ x: dy }) },
  // A cast to whole numbers is a step function.
  Cast: { gradient: (dy, _saved, { dtype }) => ({ x: dtype === 'float32' ? dy : tf.zeros(dy.shape) }) },
  Abs: fromInput((x) => tf.sub(tf.cast(tf.greater(x, 0), 'float32'), tf.cast(tf.less(x, 0), 'float32'))),
  Square: fromInput((x) => tf.mul(2, x)),
  Sqrt: fromOutput((y) => tf.div(0.5, y)),
  Rsqrt: fromOutput((y) => tf.mul(-0.5, tf.mul(y, tf.square(y)))),
  Reciprocal: fromOutput((y) => tf.neg(tf.square(y))),
  Exp: fromOutput((y) => y),
  Expm1: fromOutput((y) => tf.add(y, 1)),
  Log: fromInput((x) => tf.div(1, x)),
  Log1p: fromInput((x) => tf.div(1, tf.add(x, 1))),
  Sin: fromInput((x) => tf.cos(x)),
  Cos: fromInput((x) => tf.neg(tf.sin(x))),
  Tan: fromOutput((y) => tf.add(1, tf.square(y))),
  Asin: fromInput((x) => tf.rsqrt(tf.sub(1, tf.square(x)))),
  Acos: fromInput((x) => tf.neg(tf.rsqrt(tf.sub(1, tf.square(x))))),
  Atan: fromInput((x) => tf.reciprocal(tf.add(1, tf.square(x)))),
  Sinh: fromInput((x) => tf.cosh(x)),
  Cosh: fromInput((x) => tf.sinh(x)),
  Asinh: fromInput((x) => tf.rsqrt(tf.add(1, tf.square(x)))),
  Acosh: fromInput((x) => tf.rsqrt(tf.sub(tf.square(x), 1))),
  Atanh: fromInput((x) => tf.reciprocal(tf.sub(1, tf.square(x)))),
  Tanh: fromOutput((y) => tf.sub(1, tf.square(y))),
  Sigmoid: fromOutput((y) => tf.mul(y, tf.sub(1, y))),
  Softplus: fromInput((x) => tf.sigmoid(x)),
  Erf: fromInput((x) => tf.mul(2 / Math.sqrt(Math.PI), tf.exp(tf.neg(tf.square(x))))),
  Relu: fromInput((x) => tf.cast(tf.greater(x, 0), 'float32')),
  Relu6: fromInput((x) => tf.cast(tf.logicalAnd(tf.greater(x, 0), tf.less(x, 6)), 'float32')),
  Elu: fromOutput((y) => tf.where(tf.greater(y, 0), tf.onesLike(y), tf.add(y, 1))),
  Selu: fromOutput((y) =>
    tf.where(tf.greater(y, 0), tf.fill(y.shape, SELU_SCALE), tf.add(y, SELU_SCALE * SELU_ALPHA)),
  ),
  LeakyRelu: {
    save: ['x'],
    gradient: (dy, { x }, { alpha }) => ({
      x: () => tf.where(tf.greater(x!, 0), dy, tf.mul(dy, alpha as number)),
    }),
  },
  ClipByValue: {
    save: ['x'],
    gradient: (dy, { x }, { clipValueMin, clipValueMax }) => ({
      x: () =>
        mask(
          tf.logicalAnd(
            tf.greaterEqual(x!, clipValueMin as number),
            tf.lessEqual(x!, clipValueMax as number),
          ),
          dy,
        ),
    }),
  },

  ...Object.fromEntries(
    ['Step', 'Floor', 'Ceil', 'Round', 'Sign', 'IsNan', 'IsInf', 'IsFinite', 'LogicalNot', 'All', 'Any'].map(
      (name) => [name, flat('x')],
    ),
  ),
  ...Object.fromEntries(['ZerosLike', 'OnesLike', 'ArgMax', 'ArgMin'].map((name) => [name, flat('x')])),
  ...Object.fromEntries(
    ['Equal', 'NotEqual', 'Greater', 'GreaterEqual', 'Less', 'LessEqual', 'LogicalAnd', 'LogicalOr'].map(
      (name) => [name, flat('a', 'b')],
    ),
  ),
  FloorDiv: flat('a', 'b'),
  OneHot: flat('indices'),
  Mod: binary(passedOn, (dy, a, b) => tf.neg(tf.mul(dy, tf.floor(tf.div(a, b))))),
};
