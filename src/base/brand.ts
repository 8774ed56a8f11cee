/**
 * Nominal types over plain ones, so that a node id is never passed where a partition is wanted. Costs nothing at run
 * time.
 */
declare const brand: unique symbol;
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };
