/** The command line in this process: what it prints, where, and its exit status. */
import { vi } from 'vitest';
import { main } from '../main.js';

export interface Run {
  status: number;
  out: string;
  err: string;
}

export async function pengi(...args: string[]): Promise<Run> {
  const written = { out: '', err: '' };
  const spies = [
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      written.out += text;
      return true;
    }),
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      written.err += text;
      return true;
    }),
  ];
  try {
    return { status: await main(args), ...written };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}
