/**
 * Makes a generator of uniform integers: `next(n)` is in [0, n).
 *
 * Equal seeds give equal sequences, on every machine and in every release of this package.
 *
 * @see Guy L. Steele Jr., Doug Lea, Christine H. Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014;
 * this is their construction at 32 bits, with the finaliser of MurmurHash3.
 */
export function seeded(seed: number): (n: number) => number {
  let state = seed >>> 0;
  const word = (): number => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    return (mixed ^ (mixed >>> 16)) >>> 0;
  };
  return (n) => {
    // Words beyond the last multiple of n would make small values more likely.
    const limit = 0x1_0000_0000 - (0x1_0000_0000 % n);
    let drawn = word();
    while (drawn >= limit) drawn = word();
    return drawn % n;
  };
}
