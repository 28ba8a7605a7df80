#!/usr/bin/env node
// In the workspace this runs the sources, so that no build is needed; in the published package it runs dist.
import { existsSync } from 'node:fs';

const source = new URL('../src/main.ts', import.meta.url);
if (existsSync(source)) {
  const { register } = await import('tsx/esm/api');
  register();
}
const { main } = await import(
  existsSync(source) ? source.href : new URL('../dist/main.js', import.meta.url).href
);
process.exitCode = await main(process.argv.slice(2));
