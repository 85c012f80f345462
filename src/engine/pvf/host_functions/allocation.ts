/** `ext_allocator_*`: the code has no allocator of its own. */
import type { HostContext, HostFunctions } from "./context.ts";

export function allocationFunctions({ allocator }: HostContext): HostFunctions {
  return {
    ext_allocator_malloc_version_1: (size: number) => allocator.allocate(size),
    ext_allocator_free_version_1: (pointer: number) => allocator.free(pointer),
  };
}
