import { type DType, PengiError } from '@pengi/core';
import { backend_util } from '@tensorflow/tfjs-core';
import {
  type Attributes,
  constantNumber,
  type Graph,
  ONNX_TYPE,
  sameShape,
  type Value,
  type ValueType,
} from '../graph/graph.js';
import { type Kernel, kernel, listed } from './kernel.js';

const broadcastShape = (a: readonly number[], b: readonly number[]) =>
  backend_util.assertAndGetBroadcastShape([...a], [...b]);

/** An operator of two broadcasting inputs; broadcasts of smaller values stay unexpanded where the result allows it. */
export function binary(g: Graph, type: string, a: Value, b: Value, dtype: ValueType = a.dtype): Value {
  const shape = broadcastShape(a.shape, b.shape);
  const smallA = a.broadcastOf ?? a;
  const smallB = b.broadcastOf ?? b;
  const smallShape = broadcastShape(smallA.shape, smallB.shape);
  if (sameShape(smallShape, shape)) return g.op(type, [smallA, smallB], { shape, dtype });
  const bothBroadcast = a.broadcastOf && b.broadcastOf;
  const scalarBroadcast = [a, b].some((v) => v.broadcastOf?.shape.length === 0);
  if (bothBroadcast || scalarBroadcast)
    return g.broadcast(g.op(type, [smallA, smallB], { shape: smallShape, dtype }), shape);
  return g.op(type, [a, b], { shape, dtype });
}

/** An operator of one input. */
export function unary(
  g: Graph,
  type: string,
  x: Value,
  attributes: Attributes = {},
  dtype: ValueType = x.dtype,
): Value {
  const small = x.broadcastOf ?? x;
  return g.broadcast(g.op(type, [small], { shape: small.shape, dtype }, attributes), x.shape);
}

export function multiply(g: Graph, a: Value, b: Value): Value {
  const shape = broadcastShape(a.shape, b.shape);
  if (constantNumber(b) === 1) return g.broadcast(a, shape);
  if (constantNumber(a) === 1) return g.broadcast(b, shape);
  return binary(g, 'Mul', a, b);
}

export function add(g: Graph, a: Value, b: Value): Value {
  const shape = broadcastShape(a.shape, b.shape);
  if (constantNumber(b) === 0) return g.broadcast(a, shape);
  if (constantNumber(a) === 0) return g.broadcast(b, shape);
  return binary(g, 'Add', a, b);
}

function divide(g: Graph, a: Value, b: Value): Value {
  if (constantNumber(b) === 1) return g.broadcast(a, broadcastShape(a.shape, b.shape));
  return binary(g, 'Div', a, b);
}

/** x²; as a power, which is the form that ONNX Runtime recognises in a layer normalisation. */
function square(g: Graph, x: Value): Value {
  return x.dtype === 'float32' ? binary(g, 'Pow', x, g.scalar(2)) : binary(g, 'Mul', x, x);
}

/**
 * Rounds towards minus infinity, as TensorFlow does. Integers go through doubles, which hold every int32 quotient: ONNX
 * Runtime's own division of integers rounds towards zero, and ends the process where the result does not fit.
 */
function floorDivide(g: Graph, a: Value, b: Value): Value {
  if (a.dtype === 'float32') return unary(g, 'Floor', binary(g, 'Div', a, b));
  const quotient = binary(g, 'Div', cast(g, a, 'float64'), cast(g, b, 'float64'));
  return cast(g, unary(g, 'Floor', quotient), 'int32');
}

/** The remainder with the sign of the divisor. */
function modulo(g: Graph, a: Value, b: Value): Value {
  return binary(g, 'Sub', a, binary(g, 'Mul', floorDivide(g, a, b), b));
}

export function cast(g: Graph, x: Value, dtype: ValueType): Value {
  if (x.dtype === dtype) return x;
  return unary(g, 'Cast', x, { to: ONNX_TYPE[dtype] }, dtype);
}

/** A kernel `(a, b)` of numbers. */
const arithmetic = (record: (g: Graph, a: Value, b: Value) => Value) =>
  kernel<'a' | 'b'>((g, { a, b }) => {
    if (a.dtype === 'bool')
      throw new PengiError('E_KERNEL', 'there is no arithmetic on bools', {
        hint: 'cast them to int32 or float32 before',
      });
    return record(g, a, b);
  });

const compare = (type: string) => kernel<'a' | 'b'>((g, { a, b }) => binary(g, type, a, b, 'bool'));

/** For comparisons by size, which ONNX does not have for bools. */
const order = (type: string) =>
  kernel<'a' | 'b'>((g, { a, b }) => binary(g, type, numeric(g, a), numeric(g, b), 'bool'));

/** Bools as int32. */
export function numeric(g: Graph, x: Value): Value {
  return x.dtype === 'bool' ? cast(g, x, 'int32') : x;
}

/** As `unary`, for a kernel `(x)` whose ONNX operator has the same name and no attributes. */
const sameName = (type: string) => kernel<'x'>((g, { x }) => unary(g, type, x));

const SAME_NAME = [
  ...[
    'Abs',
    'Acos',
    'Acosh',
    'Asin',
    'Asinh',
    'Atan',
    'Atanh',
    'Ceil',
    'Cos',
    'Cosh',
    'Elu',
    'Erf',
    'Exp',
    'Floor',
  ],
  ...[
    'Log',
    'Neg',
    'Reciprocal',
    'Relu',
    'Round',
    'Selu',
    'Sigmoid',
    'Sign',
    'Sin',
    'Sinh',
    'Softplus',
    'Sqrt',
  ],
  ...['Tan', 'Tanh'],
];

export const elementwise: Record<string, Kernel> = {
  ...Object.fromEntries(SAME_NAME.map((name) => [name, sameName(name)])),

  Add: arithmetic(add),
  Sub: arithmetic((g, a, b) => (constantNumber(b) === 0 ? add(g, a, b) : binary(g, 'Sub', a, b))),
  Multiply: arithmetic(multiply),
  RealDiv: arithmetic(divide),
  FloorDiv: arithmetic(floorDivide),
  Mod: arithmetic(modulo),
  Pow: arithmetic((g, a, b) =>
    constantNumber(b) === 1 ? g.broadcast(a, broadcastShape(a.shape, b.shape)) : binary(g, 'Pow', a, b),
  ),
  Maximum: arithmetic((g, a, b) => binary(g, 'Max', a, b)),
  Minimum: arithmetic((g, a, b) => binary(g, 'Min', a, b)),
  SquaredDifference: arithmetic((g, a, b) => square(g, binary(g, 'Sub', a, b))),
  Prelu: kernel<'x' | 'alpha'>((g, { x, alpha }) => binary(g, 'PRelu', x, alpha)),
  AddN: (g, inputs) => listed(inputs).reduce((sum, x) => add(g, sum, x)),

  Equal: compare('Equal'),
  Greater: order('Greater'),
  GreaterEqual: order('GreaterOrEqual'),
  Less: order('Less'),
  LessEqual: order('LessOrEqual'),
  LogicalAnd: compare('And'),
  LogicalOr: compare('Or'),
  NotEqual: kernel<'a' | 'b'>((g, { a, b }) => unary(g, 'Not', binary(g, 'Equal', a, b, 'bool'))),
  LogicalNot: kernel<'x'>((g, { x }) => unary(g, 'Not', x)),
  IsNan: kernel<'x'>((g, { x }) => unary(g, 'IsNaN', x, {}, 'bool')),
  IsInf: kernel<'x'>((g, { x }) => unary(g, 'IsInf', x, {}, 'bool')),
  IsFinite: kernel<'x'>((g, { x }) =>
    unary(g, 'Not', binary(g, 'Or', unary(g, 'IsNaN', x, {}, 'bool'), unary(g, 'IsInf', x, {}, 'bool'))),
  ),

  Identity: kernel<'x'>((_g, { x }) => x),
  Square: kernel<'x'>((g, { x }) => square(g, numeric(g, x))),
  Rsqrt: kernel<'x'>((g, { x }) => unary(g, 'Reciprocal', unary(g, 'Sqrt', x))),
  Log1p: kernel<'x'>((g, { x }) => unary(g, 'Log', binary(g, 'Add', x, g.scalar(1)))),
  Expm1: kernel<'x'>((g, { x }) => binary(g, 'Sub', unary(g, 'Exp', x), g.scalar(1))),
  Relu6: kernel<'x'>((g, { x }) => clip(g, x, 0, 6)),
  LeakyRelu: kernel<'x', { alpha: number }>((g, { x }, { alpha }) =>
    unary(g, 'LeakyRelu', x, { alpha: { float: alpha } }),
  ),
  ClipByValue: kernel<'x', { clipValueMin: number; clipValueMax: number }>(
    (g, { x }, { clipValueMin, clipValueMax }) => clip(g, x, clipValueMin, clipValueMax),
  ),
  Step: kernel<'x', { alpha?: number }>((g, { x }, { alpha = 0 }) => {
    const positive = binary(g, 'Greater', x, g.scalar(0, x.dtype as DType), 'bool');
    return alpha === 0
      ? cast(g, positive, x.dtype)
      : where(g, positive, g.scalar(1), g.scalar(alpha), x.shape);
  }),
  Cast: kernel<'x', { dtype: DType }>((g, { x }, { dtype }) => {
    if (dtype !== 'bool' || x.dtype === 'bool') return cast(g, x, dtype);
    return unary(g, 'Not', binary(g, 'Equal', x, g.scalar(0, x.dtype as DType), 'bool'));
  }),
  Select: kernel<'condition' | 't' | 'e'>((g, { condition, t, e }) => where(g, condition, t, e, t.shape)),
};

function clip(g: Graph, x: Value, low: number, high: number): Value {
  const dtype = x.dtype as DType;
  return g.op('Clip', [x, g.scalar(low, dtype), g.scalar(high, dtype)], x);
}

export function where(g: Graph, condition: Value, t: Value, e: Value, shape: readonly number[]): Value {
  if (t.dtype === 'bool') {
    // ONNX Runtime has no choice between bools.
    const [yes, no] = [t, e].map((x) => numeric(g, x));
    return cast(g, where(g, condition, yes!, no!, shape), 'bool');
  }
  const small = [condition, t, e].map((v) => v.broadcastOf ?? v);
  const smallShape = small.map((v) => v.shape).reduce(broadcastShape);
  return g.op('Where', sameShape(smallShape, shape) ? small : [g.broadcast(condition, shape), t, e], {
    shape,
    dtype: t.dtype,
  });
}
