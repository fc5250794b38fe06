/** The function, which computes anew only when one of its arguments is another than last time. */
export function remember<Arguments extends readonly unknown[], Value>(
  compute: (...values: Arguments) => Value,
): (...values: Arguments) => Value {
  let last: { readonly values: Arguments; readonly value: Value } | undefined;
  return (...values) => {
    if (last === undefined || values.some((value, index) => value !== last?.values[index])) {
      last = { values, value: compute(...values) };
    }
    return last.value;
  };
}
