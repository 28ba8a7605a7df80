/** What an instance of a module without imports offers: its memory, and functions of addresses and numbers. */
export interface WasmExports {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): void };
}

/** What is used of the platform's WebAssembly, whose types come with those of browsers only. */
interface WebAssemblyApi {
  validate(bytes: Uint8Array): boolean;
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => { readonly exports: unknown };
}

/** Bytes of a page of memory. */
export const WASM_PAGE = 65536;

/**
 * Makes instances of a module, given as base64, which is compiled once. An instance is undefined where there is no WebAssembly,
 * or none with what the module needs.
 */
export function wasmModule<Exports extends WasmExports>(base64: string): () => Exports | undefined {
  const platform = (globalThis as { WebAssembly?: WebAssemblyApi }).WebAssembly;
  let compiled: object | null | undefined;
  return () => {
    if (!platform) return undefined;
    if (compiled === undefined) {
      const bytes = base64Bytes(base64);
      compiled = platform.validate(bytes) ? new platform.Module(bytes) : null;
    }
    return compiled === null ? undefined : (new platform.Instance(compiled).exports as Exports);
  };
}

/** Bytes of base64 text, in Node and in browsers. */
export function base64Bytes(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
