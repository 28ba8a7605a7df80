import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import koffi from 'koffi';

/** What TensorFlow 2.18 to 2.21 load for a GPU (CUDA 12, cuDNN 9), and the PyPI package that has it. */
const CUDA: Readonly<Record<string, string | undefined>> = {
  'libcuda.so.1': undefined, // the NVIDIA driver's
  'libcudart.so.12': 'nvidia-cuda-runtime-cu12',
  'libcupti.so.12': 'nvidia-cuda-cupti-cu12',
  'libcublas.so.12': 'nvidia-cublas-cu12',
  'libcublasLt.so.12': 'nvidia-cublas-cu12',
  'libnvJitLink.so.12': 'nvidia-nvjitlink-cu12',
  'libcufft.so.11': 'nvidia-cufft-cu12',
  'libcusparse.so.12': 'nvidia-cusparse-cu12',
  'libcusolver.so.11': 'nvidia-cusolver-cu12',
  'libcudnn.so.9': 'nvidia-cudnn-cu12',
  'libnccl.so.2': 'nvidia-nccl-cu12',
};

/** What is missing for a GPU: a sentence about the libraries, and what to do. Undefined when nothing is. */
export function missingForGpu(folder: string): { problem: string; hint: string } | undefined {
  const missing = Object.keys(CUDA).filter((name) => !isThere(name, folder));
  if (missing.length === 0) return undefined;
  const packages = new Set(missing.flatMap((name) => CUDA[name] ?? []));
  const hints = [
    ...(missing.includes('libcuda.so.1') ? ['install the NVIDIA driver'] : []),
    // The wheel's libraries look for these beside their own folder.
    ...(packages.size > 0 ? [`pip install --no-deps --target "${folder}" ${[...packages].join(' ')}`] : []),
  ];
  return { problem: `for a GPU ${missing.join(', ')} are missing`, hint: hints.join(', then ') };
}

function isThere(name: string, folder: string): boolean {
  const nvidia = join(folder, 'nvidia');
  const list = (path: string) => {
    try {
      return readdirSync(path);
    } catch {
      return [];
    }
  };
  if (list(nvidia).some((part) => list(join(nvidia, part, 'lib')).includes(name))) return true;
  try {
    koffi.load(name).unload();
    return true;
  } catch {
    return false;
  }
}
