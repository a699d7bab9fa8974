//! Finds libsluice: in SLUICE_LIB_DIR, else by pkg-config.
use std::{env, process::Command};

fn main() {
    println!("cargo:rerun-if-env-changed=SLUICE_LIB_DIR");
    match env::var("SLUICE_LIB_DIR") {
        Ok(folder) => println!("cargo:rustc-link-search=native={folder}"),
        Err(_) => pkg_config(),
    }
    println!("cargo:rustc-link-lib=sluice");
}

fn pkg_config() {
    let found = Command::new("pkg-config").args(["--libs-only-L", "sluice"]).output();
    let Some(output) = found.ok().filter(|output| output.status.success()) else {
        panic!("pkg-config does not know sluice: install libsluice-dev, or set SLUICE_LIB_DIR");
    };
    for flag in String::from_utf8_lossy(&output.stdout).split_whitespace() {
        if let Some(folder) = flag.strip_prefix("-L") {
            println!("cargo:rustc-link-search=native={folder}");
        }
    }
}
