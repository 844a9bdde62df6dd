//! The limits of the parser.
//!
//! nats-server has none: deeply nested or self-including files overflow its stack, and variables
//! that double a list at each use make it run out of memory. Here each of those is an error.

/// The longest file, bytes. Real ones are some kilobytes; big account lists reach megabytes.
pub const FILE_BYTES_MAX: u64 = 16 << 20;

/// How deep maps and lists may be nested, counted through includes and variables. Real files need
/// about 6; what walks a tree by recursion is safe with this on any thread's stack.
pub const NESTING_MAX: usize = 128;

/// How many files may be open inside each other.
pub const INCLUDE_DEPTH_MAX: usize = 32;

/// The size of everything read and built for one configuration, bytes: all text, with a file as
/// often as it is included, and [`NODE_BYTES`] for each value with the length of its text, as
/// often as a variable repeats it.
pub const TOTAL_BYTES_MAX: u64 = 64 << 20;

/// What one value counts for in [`TOTAL_BYTES_MAX`], beside its text.
pub const NODE_BYTES: u64 = 64;

/// What opening one file or variable counts for in [`TOTAL_BYTES_MAX`], beside its text.
pub const OPEN_BYTES: u64 = 4096;

const _: () = assert!(FILE_BYTES_MAX <= TOTAL_BYTES_MAX);
