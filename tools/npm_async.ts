/**
 * Stands in for the functions of `@std/async` that are in use, where JSR does not answer: the `async/mod.js` of the npm
 * package imports a file that it lacks.
 *
 * @module
 */
export { abortable } from "npm:deno-std@1.4.0/async/abortable.js";
export { deadline } from "npm:deno-std@1.4.0/async/deadline.js";
export { pooledMap } from "npm:deno-std@1.4.0/async/pool.js";
