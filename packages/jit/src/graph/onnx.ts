/**
 * ONNX files, written with the wire format of protocol buffers. Field numbers are those of onnx.proto (ONNX 1.18);
 * only what a recorded graph needs is here.
 */
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { type Attributes, bytesOf, type Node, ONNX_TYPE, type Value } from './graph.js';

/** ONNX IR 10 with opset 21, which ONNX Runtime has had since 1.18. */
const IR_VERSION = 10;
const OPSET = 21;

/** Constants smaller than this stay inside the model file. */
const INLINE_BYTES = 1024;

/** Where the bytes of a large constant are: given beside the model, or a range of a file in the weights folder. */
export type ConstantPlace = { location: string; offset: number; length: number };

/**
 * The bytes of an ONNX model.
 * @param place says where a large constant lies; undefined keeps its bytes in the model
 */
export function encodeModel(
  nodes: readonly Node[],
  constants: readonly Value[],
  inputs: readonly Value[],
  outputs: readonly Value[],
  place: (value: Value) => ConstantPlace | undefined,
): Uint8Array {
  const domains = new Set(['', ...nodes.map((node) => node.domain)]);
  return message((model) => {
    int(model, 1, IR_VERSION);
    text(model, 2, 'pengi');
    bytes(
      model,
      7,
      message((g) => {
        for (const [i, node] of nodes.entries()) bytes(g, 1, encodeNode(node, i));
        text(g, 2, 'graph');
        for (const value of constants) bytes(g, 5, encodeTensor(value, place));
        for (const value of inputs) bytes(g, 11, encodeValueInfo(value));
        for (const value of outputs) bytes(g, 12, encodeValueInfo(value));
      }),
    );
    for (const domain of domains)
      bytes(
        model,
        8,
        message((opset) => {
          text(opset, 1, domain);
          int(opset, 2, domain === '' ? OPSET : 1);
        }),
      );
  });
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

function encodeTensor(value: Value, place: (value: Value) => ConstantPlace | undefined): Uint8Array {
  const { constant, shape, dtype, name } = value;
  const size = shape.reduce((a, b) => a * b, 1);
  const outside = size * 4 >= INLINE_BYTES ? place(value) : undefined;
  return message((w) => {
    for (const dim of shape) int(w, 1, dim);
    int(w, 2, ONNX_TYPE[dtype]);
    text(w, 8, name);
    if (!outside) return void bytes(w, 9, bytesOf(constant!.data));
    for (const [key, entry] of Object.entries(outside))
      bytes(
        w,
        13,
        message((pair) => {
          text(pair, 1, key);
          text(pair, 2, String(entry));
        }),
      );
    int(w, 14, 1); // data_location: EXTERNAL
  });
}

function encodeValueInfo({ name, shape, dtype }: Value): Uint8Array {
  const dims = message((w) => {
    for (const dim of shape)
      bytes(
        w,
        1,
        message((d) => int(d, 1, dim)),
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
