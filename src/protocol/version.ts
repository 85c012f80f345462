/** Kiln's version. A worker program of another version than its host's refuses to work. */
export const KILN_VERSION = "0.1.0";
