// PROTO is the folder of the .proto files. Needs protoc.
fn main() -> std::io::Result<()> {
    let proto = std::env::var("PROTO").unwrap_or_else(|_| "../../../proto".to_string());
    tonic_build::configure()
        .build_server(false)
        // tonic's own `connect` would collide with ours.
        .build_transport(false)
        .compile_protos(&[format!("{proto}/sluice/v1/ingest.proto")], &[proto])
}
