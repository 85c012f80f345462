/** The engine of a worker program. The host puts another module here if it was given one. */
export { engine } from "../engine/pvf/pvf_engine.ts";
