/** Names an address space: what the hardware's tag stands for. Compared by value. */
export type SpaceTag = string | number;

/** The address space that a CPU has loaded. */
export interface LoadedSpace {
  readonly space: SpaceTag;
  readonly root: bigint;
  /** Root of the upper half, where the architecture has two. */
  readonly kernelRoot?: bigint;
}
