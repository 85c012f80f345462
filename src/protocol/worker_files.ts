/** The fixed names of files in a worker's directory. Names say nothing about which artifact is inside. */

/** What a prepare job writes. The host creates it, empty, before the job. */
export const TMP_ARTIFACT = "tmp-artifact";
/** What an execute worker binds. The host copies it in, and takes it away once it is bound. */
export const ARTIFACT = "artifact";
