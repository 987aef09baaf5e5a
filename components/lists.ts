/**
 * The item at an index, counted in a circle: -1 is the last one.
 *
 * @throws RangeError if the list is empty
 */
export function itemAt<T>(list: readonly T[], index: number): T {
  if (list.length === 0) {
    throw new RangeError("the list is empty, but needs one item at least");
  }
  return list[(index + list.length) % list.length] as T;
}
