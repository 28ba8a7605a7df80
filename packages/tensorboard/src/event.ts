/** TensorFlow's Event message (`tensorflow/core/util/event.proto`, `framework/summary.proto`), as far as it is written here. */
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { PengiError, printable } from '@pengi/core';

/** What is to be shown of a step, each by its tag, which is of one kind all along; what is before its first slash groups it. */
export interface Summary {
  /** Rounded to float32, as TensorBoard keeps them; NaN and infinities are shown as such. */
  readonly scalars?: Readonly<Record<string, number>>;
  /** Markdown. */
  readonly texts?: Readonly<Record<string, string>>;
  /** PNG files. */
  readonly images?: Readonly<Record<string, Uint8Array>>;
  readonly sounds?: Readonly<Record<string, Sound>>;
}

export interface Sound {
  /** A WAV file. */
  readonly wav: Uint8Array;
  /** Hz */
  readonly sampleRate: number;
  readonly channels: number;
  /** Samples of each channel. */
  readonly frames: number;
}

type Write = (writer: BinaryWriter) => void;

/** The first event of a file says which version of the format it has. */
export function versionEvent(wallTime: number): Uint8Array {
  return event(wallTime, 0, (e) => string(e, 3, 'brain.Event:2'));
}

/** The start of a session: TensorBoard forgets what files before this one say of `step` and later steps. */
export function startEvent(wallTime: number, step: number): Uint8Array {
  const START = 1;
  return event(wallTime, step, (e) => message(e, 7, (log) => varint(log, 1, START)));
}

/**
 * @param wallTime seconds since 1970
 * @throws PengiError E_USAGE for an image that is no PNG
 */
export function summaryEvent(wallTime: number, step: number, summary: Summary): Uint8Array {
  const { scalars = {}, texts = {}, images = {}, sounds = {} } = summary;
  const values: [tag: string, content: Write][] = [
    ...Object.entries(scalars).map(([tag, value]): [string, Write] => [tag, scalarValue(value)]),
    ...Object.entries(texts).map(([tag, text]): [string, Write] => [tag, textValue(text)]),
    ...Object.entries(images).map(([tag, png]): [string, Write] => [tag, imageValue(tag, png)]),
    ...Object.entries(sounds).map(([tag, sound]): [string, Write] => [tag, soundValue(sound)]),
  ];
  return event(wallTime, step, (e) =>
    message(e, 5, (s) => {
      for (const [tag, content] of values)
        message(s, 1, (value) => {
          string(value, 1, tag);
          content(value);
        });
    }),
  );
}

function scalarValue(value: number): Write {
  return (v) => v.tag(2, WireType.Bit32).float(value);
}

/** A tensor of one string, for the plugin that shows texts. */
function textValue(text: string): Write {
  const DT_STRING = 7;
  return (v) => {
    message(v, 8, (tensor) => {
      varint(tensor, 1, DT_STRING);
      message(tensor, 2, (shape) => message(shape, 2, (dimension) => varint(dimension, 1, 1)));
      string(tensor, 8, text);
    });
    message(v, 9, (metadata) => message(metadata, 1, (plugin) => string(plugin, 1, 'text')));
  };
}

function imageValue(tag: string, png: Uint8Array): Write {
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  if (png.length < 24 || view.getUint32(0) !== 0x89504e47 || view.getUint32(12) !== 0x49484452)
    throw new PengiError('E_USAGE', `the image "${printable(tag, 60)}" is no PNG file`);
  return (v) =>
    message(v, 4, (image) => {
      varint(image, 1, view.getUint32(20)); // height
      varint(image, 2, view.getUint32(16)); // width
      varint(image, 3, 3); // RGB, whatever the file has: viewers decode the file itself
      bytes(image, 4, png);
    });
}

function soundValue({ wav, sampleRate, channels, frames }: Sound): Write {
  return (v) =>
    message(v, 6, (audio) => {
      audio.tag(1, WireType.Bit32).float(sampleRate);
      varint(audio, 2, channels);
      varint(audio, 3, frames);
      bytes(audio, 4, wav);
      string(audio, 5, 'audio/wav');
    });
}

function event(wallTime: number, step: number, content: Write): Uint8Array {
  const writer = new BinaryWriter();
  writer.tag(1, WireType.Bit64).double(wallTime);
  if (step !== 0) varint(writer, 2, step);
  content(writer);
  return writer.finish();
}

function message(writer: BinaryWriter, field: number, content: Write): void {
  writer.tag(field, WireType.LengthDelimited).fork();
  content(writer);
  writer.join();
}

function varint(writer: BinaryWriter, field: number, value: number): void {
  writer.tag(field, WireType.Varint).int64(value);
}

function string(writer: BinaryWriter, field: number, value: string): void {
  writer.tag(field, WireType.LengthDelimited).string(value);
}

function bytes(writer: BinaryWriter, field: number, value: Uint8Array): void {
  writer.tag(field, WireType.LengthDelimited).bytes(value);
}
