/** What the command says about itself. */
export const HELP = `kiln: prepares and executes parachain validation functions in sandboxed workers

Usage:
  kiln precheck [OPTIONS] CODE             whether the code passes a precheck
  kiln execute [OPTIONS] CODE PARAMS...    whether the code validates each block
  kiln doctor [OPTIONS]                    what keeps workers in their sandbox here

CODE is a file with WebAssembly, plain or in the compressed form in which a relay chain
keeps it. Each PARAMS is a file with the bytes of a ValidationParams (SCALE); its block
data may be compressed.

Options:
  --cache DIR        the directory for artifacts (default ./pvf-artifacts)
  --timeout TIME     the CPU time for the precheck (default 60s) or for each execution
                     (default 12s): "2s", "1500ms" or a number of milliseconds
  --memory-pages N   pages of 64 KiB that the code may use besides 32 (default 2048)
  --sandbox WHICH    the wall around workers besides Deno's own: bubblewrap, none, or
                     auto (default): bubblewrap where it can be used
  --json             one JSON object a line on standard output
  -h, --help         this text
  -V, --version      the version

Exit status: 0 all good, 1 a verdict against or no secure sandbox, 2 wrong usage or an
unreadable file, 3 internal failure, 124 a job took too long, 130 interrupted.
`;
