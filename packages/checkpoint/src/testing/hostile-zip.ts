import { type Bytes, dict, join, pickle, raw } from './craft-pickle.js';
import { type CraftEntry, type CraftedZip, craftZip, f32, pthEntries, samplePickle } from './craft-pth.js';

/** A file that must be refused, and why. */
export type HostileCase = readonly [what: string, bytes: () => Bytes, message: RegExp];

const entries = () => pthEntries(samplePickle());
const zip =
  (change: (zip: CraftedZip, view: DataView) => void, asTorch = true) =>
  () => {
    const crafted = craftZip(entries(), { asTorch });
    change(crafted, new DataView(crafted.bytes.buffer));
    return crafted.bytes;
  };
const withEntries = (change: (all: CraftEntry[]) => CraftEntry[]) => () => craftZip(change(entries())).bytes;
const withEntry = (name: string, data: Bytes = raw('x')) => withEntries((all) => [...all, { name, data }]);
const replaced = (name: string, data: Bytes) =>
  withEntries((all) => all.map((entry) => (entry.name === name ? { name, data } : entry)));
const without = (name: string) => withEntries((all) => all.filter((entry) => entry.name !== name));

const u16At = (view: DataView, at: number, value: number) => view.setUint16(at, value, true);
const u32At = (view: DataView, at: number, value: number) => view.setUint32(at, value, true);
const u64At = (view: DataView, at: number, value: number | bigint) =>
  view.setBigUint64(at, BigInt(value), true);

/** Archives that are not what torch.save writes. Offsets are those of the zip format's records. */
export const HOSTILE_ZIPS: readonly HostileCase[] = [
  ['the start of a zip alone', () => raw('PK\x03\x04'), /does not end as a zip/],
  [
    'an empty archive',
    () => join(raw('PK\x03\x04'), craftZip([], { asTorch: false }).bytes),
    /contradict each other or the file/,
  ],
  ['bytes behind the end', () => join(craftZip(entries()).bytes, raw('x')), /does not end as a zip/],
  [
    'a comment',
    () => join(craftZip(entries(), { asTorch: false }).bytes.with(-2, 1), raw('x')),
    /does not end as a zip/,
  ],
  ['bytes before the archive', () => join(raw('x'), craftZip(entries()).bytes), /no PyTorch checkpoint/],
  [
    'an archive behind another one',
    () => join(craftZip(entries()).bytes, craftZip(entries()).bytes),
    /64-bit end record|contradict/,
  ],
  ['a comment that is not there', zip(({ end }, view) => u16At(view, end + 20, 5)), /does not end as a zip/],
  ['a divided archive', zip(({ end }, view) => u16At(view, end + 4, 1)), /divided/],
  ['an end record on another disk', zip(({ locator }, view) => u32At(view, locator + 4, 1)), /divided/],
  ['two disks', zip(({ locator }, view) => u32At(view, locator + 16, 2)), /divided/],
  ['an entry on another disk', zip(({ central }, view) => u16At(view, (central[0] ?? 0) + 34, 1)), /divided/],
  [
    'fewer entries than the directory has',
    zip(({ end, end64 }, view) => {
      for (const at of [8, 10]) u16At(view, end + at, 4);
      for (const at of [24, 32]) u64At(view, end64 + at, 4);
    }),
    /damaged directory/,
  ],
  [
    'more entries than the directory has',
    zip(({ end, end64 }, view) => {
      for (const at of [8, 10]) u16At(view, end + at, 6);
      for (const at of [24, 32]) u64At(view, end64 + at, 6);
    }),
    /has 5 directory entries, its end record says 6/,
  ],
  ['two counts of entries', zip(({ end }, view) => u16At(view, end + 8, 4)), /contradict/],
  [
    'a count that differs in 64 bits',
    zip(({ end64 }, view) => {
      for (const at of [24, 32]) u64At(view, end64 + at, 4);
    }),
    /contradict/,
  ],
  [
    '2^40 entries',
    zip(({ end, end64 }, view) => {
      for (const at of [8, 10]) u16At(view, end + at, 0xffff);
      for (const at of [24, 32]) u64At(view, end64 + at, 2 ** 40);
    }),
    /more than the 200000 that are read/,
  ],
  [
    'a directory outside of the file',
    zip(({ end }, view) => u32At(view, end + 16, 0x7fffffff)),
    /contradict/,
  ],
  [
    'a directory at 2^63',
    zip(({ end, end64 }, view) => {
      u32At(view, end + 16, 0xffffffff);
      u64At(view, end64 + 48, 2n ** 63n);
    }),
    /contradict/,
  ],
  [
    'a directory of 2^62 bytes',
    zip(({ end, end64 }, view) => {
      u32At(view, end + 12, 0xffffffff);
      u64At(view, end64 + 40, 2n ** 62n);
    }),
    /contradict/,
  ],
  [
    'a locator to nowhere',
    zip(({ locator }, view) => u64At(view, locator + 8, 2 ** 50)),
    /64-bit end record/,
  ],
  [
    'a locator to 2^64-1',
    zip(({ locator }, view) => u64At(view, locator + 8, 2n ** 64n - 1n)),
    /64-bit end record/,
  ],
  ['a locator without record', zip(({ end64 }, view) => u32At(view, end64, 0)), /64-bit end record/],
  [
    'a 64-bit record of another length',
    zip(({ end64 }, view) => u64At(view, end64 + 4, 45)),
    /contradicts itself/,
  ],
  [
    'a 64-bit record of another disk',
    zip(({ end64 }, view) => u32At(view, end64 + 16, 1)),
    /contradicts itself/,
  ],
  [
    '64-bit fields that are not there',
    zip(({ central }, view) => u32At(view, (central[2] ?? 0) + 24, 0xffffffff)),
    /lacks a 64-bit field/,
  ],
  [
    'a damaged directory entry',
    zip(({ central }, view) => u32At(view, central[1] ?? 0, 0)),
    /damaged directory/,
  ],
  [
    'a name beyond the directory',
    zip(({ central }, view) => u16At(view, (central[4] ?? 0) + 28, 0xffff)),
    /damaged directory/,
  ],
  [
    'an entry at itself again',
    zip(({ central, local }, view) => u32At(view, (central[2] ?? 0) + 42, local[1] ?? 0)),
    /overlapping|contradict|has two entries/,
  ],
  [
    'an entry at the end',
    zip(({ central, end }, view) => u32At(view, (central[4] ?? 0) + 42, end)),
    /bytes that belong to nothing|beyond the entries/,
  ],
  [
    'an entry beyond 2^32',
    zip(({ central }, view) => u32At(view, (central[4] ?? 0) + 42, 0xfffffff0)),
    /belong to nothing|beyond the entries/,
  ],
  [
    'an entry larger than the file',
    zip(({ central }, view) => {
      for (const at of [20, 24]) u32At(view, (central[2] ?? 0) + at, 0x7fffffff);
    }),
    /beyond the entries/,
  ],
  [
    'an entry over the next one',
    zip(({ central }, view) => {
      for (const at of [20, 24]) u32At(view, (central[2] ?? 0) + at, 256);
    }),
    /overlapping/,
  ],
  [
    'an entry shorter than its header says',
    zip(({ central }, view) => {
      for (const at of [20, 24]) u32At(view, (central[2] ?? 0) + at, 12);
    }, false),
    /contradict/,
  ],
  [
    'a hole between two entries',
    withEntries((all) => all.map((entry, i) => (i === 2 ? { ...entry, gap: 64 } : entry))),
    /behind 80 bytes that belong to nothing/,
  ],
  [
    'a local header that is none',
    zip(({ local }, view) => u32At(view, local[3] ?? 0, 0)),
    /without a header/,
  ],
  [
    'another name before the data',
    zip(({ local }, view) => view.setUint8((local[2] ?? 0) + 30 + 7, 0x31)),
    /two headers contradict/,
  ],
  [
    'a longer name before the data',
    zip(({ local }, view) => u16At(view, (local[2] ?? 0) + 26, 9)),
    /two headers contradict/,
  ],
  [
    'another size before the data',
    zip(({ local }, view) => u32At(view, (local[2] ?? 0) + 22, 12), false),
    /two headers contradict/,
  ],
  [
    'another checksum before the data',
    zip(({ local }, view) => u32At(view, (local[2] ?? 0) + 14, 12), false),
    /two headers contradict/,
  ],
  [
    'compression before the data',
    zip(({ local }, view) => u16At(view, (local[2] ?? 0) + 8, 8)),
    /two headers contradict/,
  ],
  [
    'other flags before the data',
    zip(({ local }, view) => u16At(view, (local[2] ?? 0) + 6, 0)),
    /two headers contradict/,
  ],
  [
    'padding beyond the file',
    zip(({ local }, view) => u16At(view, (local[4] ?? 0) + 28, 0xffff)),
    /beyond the entries/,
  ],
  [
    'a compressed entry',
    zip(({ central }, view) => u16At(view, (central[2] ?? 0) + 10, 8)),
    /compressed entry "a\/data\/0"/,
  ],
  [
    'a stored entry of two sizes',
    zip(({ central }, view) => u32At(view, (central[2] ?? 0) + 24, 2 ** 30)),
    /compressed entry/,
  ],
  [
    'an encrypted entry',
    zip(({ central }, view) => u16At(view, (central[2] ?? 0) + 8, 0x0809)),
    /flags 0x809/,
  ],
  [
    'a strongly encrypted directory',
    zip(({ central }, view) => u16At(view, (central[2] ?? 0) + 8, 0x2808)),
    /flags 0x2808/,
  ],
  ['a name twice', withEntry('a/data/0'), /two entries "a\/data\/0"/],
  [
    'a name twice but for its case',
    withEntries((all) => [...all, { name: 'a/data/x', data: raw() }, { name: 'a/data/X', data: raw() }]),
    /two entries/,
  ],
  ['a name out of the folder', withEntry('../../refused.txt'), /no PyTorch checkpoint has/],
  ['an absolute name', withEntry('/etc/passwd'), /no PyTorch checkpoint has/],
  ['a drive', withEntry('C:\\x'), /no PyTorch checkpoint has/],
  ['dots in the folder', withEntry('a/../data.pkl'), /no PyTorch checkpoint has/],
  ['dots in a key', withEntry('a/data/../data.pkl'), /no PyTorch checkpoint has/],
  ['a NUL in a name', withEntry('a/data/1\0'), /no PyTorch checkpoint has/],
  ['a name in another folder', withEntry('b/data/1'), /no PyTorch checkpoint has/],
  [
    'a name that is not UTF-8',
    zip(({ central }, view) => view.setUint8((central[4] ?? 0) + 46, 0xff)),
    /not UTF-8/,
  ],
  ['a TorchScript program', withEntry('a/constants.pkl'), /constants\.pkl/],
  ['code', withEntry('a/code/__torch__.py'), /no PyTorch checkpoint has/],
  [
    'names without a folder',
    () => craftZip(entries().map(({ name, data }) => ({ name: name.slice(2), data }))).bytes,
    /no PyTorch checkpoint has|no folder/,
  ],
  ['a folder with data', withEntry('a/data/'), /data in the folder/],
  ['no data.pkl', without('a/data.pkl'), /no data\.pkl/],
  ['no version', without('a/version'), /version missing/],
  ['version 0', replaced('a/version', raw('0\n')), /version "0/],
  ['version 11', replaced('a/version', raw('11\n')), /version "11/],
  ['a version that is no number', replaced('a/version', raw('three')), /version "three"/],
  ['a version of 300 bytes', replaced('a/version', raw('3'.repeat(300))), /at most 256 are read/],
  ['an unknown byte order', replaced('a/byteorder', raw('middle')), /byte order is "middle"/],
  ['an alignment that is no number', withEntry('a/.storage_alignment', raw('wide')), /alignment/],
  [
    'a storage marked as a folder',
    zip(({ central }, view) => u32At(view, (central[2] ?? 0) + 38, 0x10)),
    /marked as a folder/,
  ],
  ['an id that is no text', replaced('a/.data/serialization_id', raw(0xff)), /is no text/],
  ['no storage', without('a/data/0'), /which the file does not have/],
  ['a short storage', replaced('a/data/0', f32(1, 2, 3)), /which has 12 bytes/],
  ['a long storage', replaced('a/data/0', f32(1, 2, 3, 4, 5)), /which has 20 bytes/],
  [
    'a damaged data.pkl',
    zip(({ local }, view) => view.setUint8((local[0] ?? 0) + 64 + 60, 0x41)),
    /checksum of "data.pkl"/,
  ],
  [
    'a data.pkl of 33 MiB',
    () => craftZip(pthEntries(new Uint8Array(0x2100000))).bytes,
    /at most 33554432 are read/,
  ],
  ['no tensors', () => craftZip(pthEntries(pickle(dict(['model', dict()])))).bytes, /no tensors/],
  [
    'a hole behind the last entry',
    withEntries((all) => all.map((entry, i) => (i === 4 ? { ...entry, gap: 64 } : entry))),
    /80 bytes between the last entry and the directory/,
  ],
];
