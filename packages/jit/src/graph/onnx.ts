/**
 * ONNX files, written with the wire format of protocol buffers. Field numbers are those of onnx.proto (ONNX 1.18);
 * only what a recorded graph needs is here.
 */
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { sizeOf } from '@pengi/core';
import {
  type Attributes,
  bytesOf,
  ELEMENT_BYTES,
  type Node,
  ONNX_TYPE,
  type Value,
  type ValueType,
} from './graph.js';

/** ONNX IR 10 with opset 21, which ONNX Runtime has had since 1.18. */
const IR_VERSION = 10;
export const OPSET = 21;

/** Constants smaller than this stay inside the model file. */
const INLINE_BYTES = 1024;

/** Where the bytes of a large constant are: given beside the model, or a range of a file in the weights folder. */
export type ConstantPlace = { location: string; offset: number; length: number };

/** A piece of a file. Weights are read when they are written, so that they need not be in memory all at once. */
export type Piece = Uint8Array | { readonly length: number; read(): Uint8Array };

/** An input or output of a model. A name in place of a size leaves it open. */
export interface ModelValue {
  readonly name: string;
  readonly shape: readonly (number | string)[];
  readonly dtype: ValueType;
  /** What it means. */
  readonly doc?: string;
}

export interface ModelContent {
  readonly nodes: readonly Node[];
  readonly constants: readonly Value[];
  readonly inputs: readonly ModelValue[];
  readonly outputs: readonly ModelValue[];
  readonly name?: string;
  readonly doc?: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * The bytes of an ONNX model.
 * @param place says where a large constant lies; undefined keeps its bytes in the model
 */
export function encodeModel(
  content: ModelContent,
  place: (value: Value) => ConstantPlace | undefined,
): Piece[] {
  const { nodes, constants, inputs, outputs, name = 'graph', doc, metadata = {} } = content;
  const head = message((model) => {
    int(model, 1, IR_VERSION);
    text(model, 2, 'pengi');
    if (doc) text(model, 6, doc);
  });
  const structure = message((g) => {
    for (const [i, node] of nodes.entries()) bytes(g, 1, encodeNode(node, i));
    text(g, 2, name);
  });
  const ends = message((g) => {
    for (const value of inputs) bytes(g, 11, encodeValueInfo(value));
    for (const value of outputs) bytes(g, 12, encodeValueInfo(value));
  });
  const tail = message((model) => {
    for (const domain of new Set(['', ...nodes.map((node) => node.domain)]))
      bytes(
        model,
        8,
        message((opset) => {
          text(opset, 1, domain);
          int(opset, 2, domain === '' ? OPSET : 1);
        }),
      );
    for (const entry of Object.entries(metadata)) bytes(model, 14, encodePair(entry));
  });
  const tensors = constants.flatMap((value) => nested(5, encodeTensor(value, place)));
  return [head, ...nested(7, [structure, ...tensors, ends]), tail];
}

/** All pieces in memory. */
export function joinPieces(pieces: readonly Piece[]): Uint8Array {
  const joined = new Uint8Array(lengthOf(pieces));
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece instanceof Uint8Array ? piece : piece.read(), at);
    at += piece.length;
  }
  return joined;
}

function encodeNode(node: Node, index: number): Uint8Array {
  return message((w) => {
    for (const input of node.inputs) text(w, 1, input);
    for (const output of node.outputs) text(w, 2, output);
    text(w, 3, `${node.type}.${index}`);
    text(w, 4, node.type);
    for (const [name, value] of Object.entries(node.attributes)) bytes(w, 5, encodeAttribute(name, value));
    if (node.domain) text(w, 7, node.domain);
  });
}

/** onnx.AttributeProto; its `type` is 1 float, 2 int, 3 string, 7 ints. */
function encodeAttribute(name: string, value: Attributes[string]): Uint8Array {
  return message((w) => {
    text(w, 1, name);
    if (typeof value === 'number') {
      int(w, 3, value);
      int(w, 20, 2);
    } else if (typeof value === 'string') {
      text(w, 4, value);
      int(w, 20, 3);
    } else if (Array.isArray(value)) {
      for (const item of value) int(w, 8, item);
      int(w, 20, 7);
    } else {
      w.tag(2, WireType.Bit32).float(value.float);
      int(w, 20, 1);
    }
  });
}

function encodeTensor(value: Value, place: (value: Value) => ConstantPlace | undefined): Piece[] {
  const { constant, shape, dtype, name } = value;
  const length = sizeOf(shape) * ELEMENT_BYTES[dtype];
  const outside = length >= INLINE_BYTES ? place(value) : undefined;
  const head = message((w) => {
    for (const dim of shape) int(w, 1, dim);
    int(w, 2, ONNX_TYPE[dtype]);
    text(w, 8, name);
    if (!outside) return;
    for (const [key, entry] of Object.entries(outside)) bytes(w, 13, encodePair([key, String(entry)]));
    int(w, 14, 1); // data_location: EXTERNAL
  });
  return outside ? [head] : [head, ...nested(9, [{ length, read: () => bytesOf(constant!.data) }])];
}

function encodeValueInfo({ name, shape, dtype, doc }: ModelValue): Uint8Array {
  const dims = message((w) => {
    for (const dim of shape)
      bytes(
        w,
        1,
        message((d) => (typeof dim === 'string' ? text(d, 2, dim) : int(d, 1, dim))),
      );
  });
  const tensor = message((w) => {
    int(w, 1, ONNX_TYPE[dtype]);
    bytes(w, 2, dims);
  });
  return message((w) => {
    text(w, 1, name);
    bytes(
      w,
      2,
      message((type) => bytes(type, 1, tensor)),
    );
    if (doc) text(w, 3, doc);
  });
}

/** onnx.StringStringEntryProto */
function encodePair([key, value]: readonly [string, string]): Uint8Array {
  return message((w) => {
    text(w, 1, key);
    text(w, 2, value);
  });
}

// --- wire format --------------------------------------------------------------------------------------------------

function message(write: (w: BinaryWriter) => void): Uint8Array {
  const writer = new BinaryWriter();
  write(writer);
  return writer.finish();
}

function int(w: BinaryWriter, field: number, value: number): void {
  w.tag(field, WireType.Varint).int64(value);
}

function text(w: BinaryWriter, field: number, value: string): void {
  w.tag(field, WireType.LengthDelimited).string(value);
}

function bytes(w: BinaryWriter, field: number, value: Uint8Array): void {
  w.tag(field, WireType.LengthDelimited).bytes(value);
}

/** A field that is a message, or bytes, of several pieces. */
function nested(field: number, pieces: readonly Piece[]): Piece[] {
  const start = new BinaryWriter().tag(field, WireType.LengthDelimited).uint32(lengthOf(pieces)).finish();
  return [start, ...pieces];
}

export function lengthOf(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, { length }) => sum + length, 0);
}
