//! Tells the compiler that `tokio_unstable` is a condition of ours: `ready` asks for it.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(tokio_unstable)");
    println!("cargo::rerun-if-changed=build.rs");
}
