import { PengiError } from '@pengi/core';

export type Variant = 'cpu' | 'gpu';

/** A shared library as the wheel holds it. */
export interface Library {
  /** Its path in the wheel, and below the folder it is put into. */
  readonly path: string;
  /** Unpacked, in bytes. */
  readonly size: number;
  readonly sha256: string;
}

/** One published wheel of TensorFlow, of which the Python version does not matter here. */
export interface Release {
  readonly version: string;
  /** `gpu` computes on CUDA 12 where it finds it, else on the CPU. */
  readonly variant: Variant;
  /** As `process.arch` has it. */
  readonly arch: 'x64' | 'arm64';
  /** The project's name on the package index. */
  readonly project: string;
  readonly wheel: string;
  readonly size: number;
  readonly sha256: string;
  readonly libraries: readonly Library[];
}

export const DEFAULT_VERSION = '2.20.0';

/**
 * The pinned wheels. Sizes and checksums of the wheels are those that PyPI publishes; those of the libraries were computed
 * from wheels with these checksums, and agree with the RECORD in each.
 */
export const RELEASES: readonly Release[] = [
  {
    version: '2.18.1',
    variant: 'cpu',
    arch: 'x64',
    project: 'tensorflow-cpu',
    wheel: 'tensorflow_cpu-2.18.1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl',
    size: 230_236_181,
    sha256: '810c75d7149d2da0cb2092187817b0dcabb80728ca9f9cf3a61f3f42fadd1298',
    libraries: libraries(
      [632_665_032, '2f274b53cb45231acf63aa4a60d2e9417e18d3f6c5237d0eb113948e851bd425'],
      [49_904_616, 'c8dbe0f4a072f239418f513d87d0bfddb9f403b7fc93a3d11d17d6e99db26a83'],
    ),
  },
  {
    version: '2.18.1',
    variant: 'gpu',
    arch: 'x64',
    project: 'tensorflow',
    wheel: 'tensorflow-2.18.1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl',
    size: 615_510_377,
    sha256: 'c9f87e5d2a680a4595f5dc30daf6bbaec9d4129b46d7ef1b2af63c46ac7d2828',
    libraries: libraries(
      [1_099_333_232, 'f0274f371a2da3bfbab6423bfd60cd014f489ed4ac73132cc5ca731f68ed3667'],
      [152_421_216, 'ca67fab9244cffd692ac292b18f75c0d34a0441a8f0e33a6dc113b1ee522622f'],
    ),
  },
  {
    version: '2.18.1',
    variant: 'cpu',
    arch: 'arm64',
    project: 'tensorflow',
    wheel: 'tensorflow-2.18.1-cp311-cp311-manylinux_2_17_aarch64.manylinux2014_aarch64.whl',
    size: 231_937_898,
    sha256: '8a6485edd2148f70d011dbd1d8dc2c775e91774a5a159466e83d0d1f21580944',
    libraries: libraries(
      [713_823_752, '6ecb9213687afc566f94278a230fe3aab7274998a6d0ab8a1dac26fe99ade1a2'],
      [52_402_744, 'd129dd9371ee26d461f5ad006cf7024ca03794ef046edc64fb7d8c3c5738fc8e'],
    ),
  },
  {
    version: '2.19.1',
    variant: 'cpu',
    arch: 'x64',
    project: 'tensorflow-cpu',
    wheel: 'tensorflow_cpu-2.19.1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl',
    size: 251_795_484,
    sha256: '0b6d72bd09c267e7573757bd309f5b1e2cdb02577339991da751f3a1411e4dae',
    libraries: libraries(
      [686_113_096, '0855f3bb8aa9eb1491d3aa68cea51ef555533feec8d048e80f18f4c88166f955'],
      [61_430_936, '387ee3a509d75e6459d39ccad1894e108ef3dcc2b7224fab16963a366eadf14a'],
    ),
  },
  {
    version: '2.19.1',
    variant: 'gpu',
    arch: 'x64',
    project: 'tensorflow',
    wheel: 'tensorflow-2.19.1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl',
    size: 644_896_980,
    sha256: '8e5524eb492160576e5eeea9bb472ddc653123503f2290f83123d5ac9545750e',
    libraries: libraries(
      [1_180_397_584, 'd9608728c20b38b5f4052cfa2cc5a5a0cf074c4194a496f161f8b23ec375c46d'],
      [164_303_592, '4c381f42bc75e58d394867501cb7928c0aaaee1d80988a1e03090a09c71460a2'],
    ),
  },
  {
    version: '2.19.1',
    variant: 'cpu',
    arch: 'arm64',
    project: 'tensorflow',
    wheel: 'tensorflow-2.19.1-cp311-cp311-manylinux_2_17_aarch64.manylinux2014_aarch64.whl',
    size: 252_660_426,
    sha256: '22deedc251837f2382d2b287c705705cb089bfaf79b2274b78c08740e02bf188',
    libraries: libraries(
      [860_647_201, 'bf2e6b0dd172c0a67039d4164bd405a63b390f9947e2cf53de4e52d7b009d4fc'],
      [53_143_896, 'a68f37d7c7371a0b292c95783be53b9e272d692aa1469f8fc9ec30e7c663af6f'],
    ),
  },
  {
    version: '2.20.0',
    variant: 'cpu',
    arch: 'x64',
    project: 'tensorflow-cpu',
    wheel: 'tensorflow_cpu-2.20.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl',
    size: 258_876_263,
    sha256: 'cf756bbe2d256e942ab5d0ad2c858fb40017581494febdb4387c149b1afde780',
    libraries: libraries(
      [720_028_784, 'b5fd7ea6fe0f0a15ef1d08e72066b5cf1bad57feed14616efd26f8b4a7d3e375'],
      [59_456_528, '90ff47639b9ca14ad097adbeba9e2f84528b7d5ea9ab49b1f7b568d39e2ed15a'],
    ),
  },
  {
    version: '2.20.0',
    variant: 'gpu',
    arch: 'x64',
    project: 'tensorflow',
    wheel: 'tensorflow-2.20.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl',
    size: 620_570_129,
    sha256: '481499fd0f824583de8945be61d5e827898cdaa4f5ea1bc2cc28ca2ccff8229e',
    libraries: libraries(
      [1_019_373_072, '21affb58d89c44b7471d83cbaa4284a00342005b9180053b13095693ab0436d5'],
      [253_554_992, 'b03dd68841873ae161e5d4f9e32326233e39924e962199efad3e86277cbac544'],
    ),
  },
  {
    version: '2.20.0',
    variant: 'cpu',
    arch: 'arm64',
    project: 'tensorflow',
    wheel: 'tensorflow-2.20.0-cp311-cp311-manylinux_2_17_aarch64.manylinux2014_aarch64.whl',
    size: 259_465_882,
    sha256: '3e9568c8efcb05c0266be223e3269c62ebf7ad3498f156438311735f6fa5ced5',
    libraries: libraries(
      [871_734_417, 'eb4f98a2a5d4a24d0e9cd2adf4420d08d76c9ce4b8263465329110a569e29c3a'],
      [61_989_376, '2c738a699fd29f7663b04004e2a060962794e37d24dc91389aa622dcf15726e8'],
    ),
  },
  {
    version: '2.21.0',
    variant: 'cpu',
    arch: 'x64',
    project: 'tensorflow-cpu',
    wheel: 'tensorflow_cpu-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl',
    size: 273_829_956,
    sha256: '2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c',
    libraries: libraries(
      [788_086_608, '6505a4b9657e62100c6bdacb683957a395cb047725042945aaa50e40a71e429e'],
      [65_222_328, 'f060b323b26ef80add21b9df9428de3aeaf2843d772c5bb098745f7abff3709b'],
    ),
  },
  {
    version: '2.21.0',
    variant: 'gpu',
    arch: 'x64',
    project: 'tensorflow',
    wheel: 'tensorflow-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl',
    size: 572_440_367,
    sha256: '9056fbc9ba04235810b71ae6cbd958a196e8804fb53bbcffbf3e23b56155f124',
    libraries: libraries(
      [1_096_372_272, '2889ecc99d7641620f41a4bea538f4dd4b626f75aa3e12623161ae939054191c'],
      [162_648_808, '98847c6f0448308159f6d3ff55e13a9e92978598c7fbb34cde63aadf35c6fe84'],
    ),
  },
  {
    version: '2.21.0',
    variant: 'cpu',
    arch: 'arm64',
    project: 'tensorflow',
    wheel: 'tensorflow-2.21.0-cp311-cp311-manylinux_2_27_aarch64.whl',
    size: 281_828_020,
    sha256: '4b24aca16d527a3cf1c37f720c04c484c3d20f4d0fdfa98632ac8b9f3be6eb5c',
    libraries: libraries(
      [814_885_544, '5f7de6ba6478ed7b83767a6e661e3e6e6931b05c64db14ba98250e52316a007c'],
      [68_176_664, 'deade33b9ab90ff468fd1d1f8f6079bec5a3a507cf2d13c3218aa8beec28aeb3'],
    ),
  },
];

/**
 * The pinned wheel for a machine.
 * @throws PengiError E_USAGE for a version or variant that is not among them, E_ENGINE for a machine that none is for
 */
export function findRelease(
  version: string = DEFAULT_VERSION,
  variant: Variant = 'cpu',
  { platform, arch }: { platform: string; arch: string } = process,
): Release {
  const forMachine = RELEASES.filter((release) => platform === 'linux' && release.arch === arch);
  if (forMachine.length === 0)
    throw new PengiError('E_ENGINE', `there is no TensorFlow for ${platform}-${arch} here`, {
      hint: 'Linux on x64 or arm64 is served; the engine "jit" runs everywhere',
    });
  const found = forMachine.find((release) => release.version === version && release.variant === variant);
  if (found) return found;
  const offered = forMachine.map((release) => `${release.version} (${release.variant})`).join(', ');
  throw new PengiError('E_USAGE', `TensorFlow ${version} (${variant}) is not pinned for ${arch}`, {
    hint: `choose ${offered}`,
  });
}

type SizeAndSha256 = readonly [size: number, sha256: string];

function libraries(cc: SizeAndSha256, framework: SizeAndSha256): Library[] {
  return [
    { path: 'tensorflow/libtensorflow_framework.so.2', size: framework[0], sha256: framework[1] },
    { path: 'tensorflow/libtensorflow_cc.so.2', size: cc[0], sha256: cc[1] },
  ];
}
