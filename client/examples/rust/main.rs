//! Sends a span with an event in it: sluice-example emit|connect SOCKET NAME.
use std::fs::File;
use std::io::Read;
use std::time::{SystemTime, UNIX_EPOCH};

use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tonic::transport::{Channel, Endpoint};

mod sluice {
    pub mod v1 {
        tonic::include_proto!("sluice.v1");
    }
    pub mod otlp {
        pub mod v1 {
            tonic::include_proto!("sluice.otlp.v1");
        }
    }
}
use sluice::otlp::v1::{any_value::Value, AnyValue, LogRecord, Span};
use sluice::v1::{
    client_message::Message, ingest_client::IngestClient, record::Body, server_message, Batch,
    ClientMessage, EmitRequest, Hello, Record, RecordKind,
};

type Error = Box<dyn std::error::Error>;

fn random(size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    File::open("/dev/urandom").unwrap().read_exact(&mut bytes).unwrap();
    bytes
}

fn batch(name: &str) -> Batch {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    let (trace_id, span_id) = (random(16), random(8));
    let ids = Span { trace_id: trace_id.clone(), span_id: span_id.clone(), ..Default::default() };
    let start = Span { name: name.to_string(), start_time_unix_nano: now, ..ids.clone() };
    let end = Span { end_time_unix_nano: now + 1_000_000, ..ids };
    let text = AnyValue { value: Some(Value::StringValue(format!("hello from {name}"))) };
    let event =
        LogRecord { trace_id, span_id, time_unix_nano: now, body: Some(text), ..Default::default() };
    let record = |kind: RecordKind, body| Record {
        kind: kind as i32,
        target: "rust".to_string(),
        body: Some(body),
        ..Default::default()
    };
    let records = vec![
        record(RecordKind::SpanStart, Body::Span(start)),
        record(RecordKind::Event, Body::Event(event)),
        record(RecordKind::SpanEnd, Body::Span(end)),
    ];
    Batch { first_sequence: 1, records, ..Default::default() }
}

async fn emit(mut ingest: IngestClient<Channel>, name: &str) -> Result<u64, Error> {
    // With an id and numbers the call may be made again after a timeout: it is stored once.
    let request =
        EmitRequest { client_id: random(16), batch: Some(batch(name)), ..Default::default() };
    Ok(ingest.emit(request).await?.into_inner().accepted)
}

async fn connect(mut ingest: IngestClient<Channel>, name: &str) -> Result<u64, Error> {
    let hello = Hello { protocol_version: 1, client_id: random(16), ..Default::default() };
    let messages = [Message::Hello(hello), Message::Batch(batch(name))]
        .map(|message| ClientMessage { message: Some(message) });
    let mut answers = ingest.connect(tokio_stream::iter(messages)).await?.into_inner();
    while let Some(answer) = answers.message().await? {
        if let Some(server_message::Message::Ack(ack)) = answer.message {
            if ack.sequence == 3 {
                return Ok(ack.sequence);
            }
        }
    }
    Err("the stream ended before its ack".into())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().collect();
    let (socket, name) = (arguments[2].clone(), &arguments[3]);
    // The host is only what :authority says: a socket's path is none.
    let channel = Endpoint::from_static("http://localhost")
        .connect_with_connector(tower::service_fn(move |_| {
            let socket = socket.clone();
            async { UnixStream::connect(socket).await.map(TokioIo::new) }
        }))
        .await?;
    let ingest = IngestClient::new(channel);
    let count =
        if arguments[1] == "emit" { emit(ingest, name).await? } else { connect(ingest, name).await? };
    println!("{count}");
    Ok(())
}
